"""The fields of the jobs that denoise: sizes, steps, guidance, windows, and what is added to a model."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from videogen.extras import Extras, Leading, Scaled
from videogen.model_request import ModelRequest

Control: TypeAlias = Annotated[
    Literal["pose", "canny", "depth", "normal", "softedge", "scribble", "lineart", "lineart-anime"],
    Field(
        description="What a ControlNet is shown of the video of --pose: the pose of a person, or edges "
        "(canny, softedge), scribbles, lines, depth or normals of its frames. All but pose and canny need "
        "weights, from the hub or --weights."
    ),
]
"""What is drawn from a driving video for ControlNets."""


class GenerativeRequest(ModelRequest):
    """The fields of the jobs that denoise a timeline."""

    width: int | None = Field(
        default=None,
        ge=16,
        le=2048,
        description="Width in pixels; the model's or the picture's own if not given.",
    )
    height: int | None = Field(
        default=None,
        ge=16,
        le=2048,
        description="Height in pixels; the model's or the picture's own if not given.",
    )
    num_inference_steps: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="Denoising steps; more take longer. The model's own number if not given.",
    )
    guidance_scale: float | None = Field(
        default=None,
        ge=0,
        le=50,
        description="How strongly what you give is followed; 1 adds nothing. The model's own if not given.",
    )
    window_batch: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Windows denoised together in a long clip: changes speed and memory, not the clip. As "
        "many as fit a GPU's free memory if not given; on a CPU one, of a small model one for each core.",
    )
    windows: Literal["blended", "original"] = Field(
        default="blended",
        description="How a long clip is cut: into windows that blend and never wrap around its end, or as "
        "MagicAnimate and AnimateAnyone did, whose windows wrap.",
    )
    window: int | None = Field(
        default=None, ge=1, le=256, description="Frames of a window; the model's own number if not given."
    )
    overlap: int | None = Field(
        default=None,
        ge=0,
        le=255,
        description="Frames that neighbouring windows share at least; the model's own number if not given.",
    )
    window_weights: Literal["pyramid", "overlap-linear", "flat"] = Field(
        default="overlap-linear",
        description="How the frames of a window count where windows blend: up to its middle and down again "
        "(pyramid), up and down over the overlap only, or all alike (flat).",
    )
    anchor_frame: bool = Field(
        default=False,
        description="Show the clip's first frame to every window, so that late ones look like it too; takes "
        "one frame of each window.",
    )
    noise: Literal["independent", "freenoise"] = Field(
        default="independent",
        description="What frames beyond the first window begin from: noise of their own, or that of the "
        "first window again, shuffled (freenoise), which keeps a long clip alike.",
    )
    guidance_start: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Guide from this fraction of the steps on; steps before it take half as long.",
    )
    guidance_end: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Guide up to this fraction of the steps; steps after it take half as long.",
    )
    cache_interval: int = Field(
        default=1,
        ge=1,
        le=16,
        description="Run the whole network at every so many steps only, and keep its deep features between: "
        "faster, and close to the clip of 1, which keeps none.",
    )
    lora: tuple[Scaled, ...] = Field(
        default=(),
        description="Low-rank changes of the weights, FILE or FOLDER, with @SCALE if wanted; may come many "
        "times.",
    )
    controlnet: tuple[Leading, ...] = Field(
        default=(),
        description="A ControlNet that reads the pose, FILE or FOLDER, with @SCALE and @START-END (shares of "
        "the denoising) if wanted; may come many times.",
    )
    ip_adapter: Scaled | None = Field(
        default=None, description="An IP-Adapter that makes clips look like a picture, FILE or FILE@SCALE."
    )

    @model_validator(mode="after")
    def _windows_that_blend(self) -> Self:
        if self.window is not None and self.overlap is not None and self.overlap >= self.window:
            raise ValueError(f"--overlap {self.overlap} is not below --window {self.window}; give less")
        if self.windows == "original" and (self.window_weights != "overlap-linear" or self.anchor_frame):
            raise ValueError("--windows original has no weights and no anchor frame; drop one of them")
        return self

    @property
    def is_windowed(self) -> bool:
        """Whether something is said of windows in which a clip is made at once."""
        return (
            self.windows == "original"
            or self.overlap is not None
            or self.window_weights != "overlap-linear"
            or self.anchor_frame
        )

    @model_validator(mode="after")
    def _some_guidance(self) -> Self:
        if not self.guidance_start < self.guidance_end:
            raise ValueError(
                f"--guidance-start {self.guidance_start:g} is not before --guidance-end "
                f"{self.guidance_end:g}; give a smaller start, or --guidance-scale 1 for none"
            )
        return self

    @property
    def extras(self) -> Extras:
        """What is added to the model."""
        return Extras(lora=self.lora, controlnet=self.controlnet, ip_adapter=self.ip_adapter)


class AgreeingRequest(GenerativeRequest):
    """The fields of the jobs whose clip can be led by how well it agrees with its words."""

    clip_guidance: float = Field(
        default=0.0,
        ge=0,
        le=20,
        description="How strongly every step is led to what pocket's text-video encoder finds to agree with "
        "the prompt; 0 is off, 0.5 is gentle, 2 already strong. Steps take longer.",
    )

    @model_validator(mode="after")
    def _words_to_agree_with(self) -> Self:
        if self.clip_guidance > 0 and getattr(self, "prompt", None) is None:
            raise ValueError("--clip-guidance leads to the words of a prompt; give --prompt, or leave it out")
        return self


class PoselessRequest(GenerativeRequest):
    """What the jobs have in common that read no pose."""

    @model_validator(mode="after")
    def _no_pose(self) -> Self:
        if self.controlnet:
            raise ValueError("--controlnet reads a pose; use videogen animate with --pose")
        return self


class PosedRequest(GenerativeRequest):
    """The fields of the jobs whose pose is drawn for the network."""

    skeleton_style: Literal["openpose", "dwpose", "mimicmotion"] | None = Field(
        default=None,
        description="How the pose is drawn for a public model: as ControlNet (openpose), DWPose or "
        "MimicMotion do. As the model has learnt it if not given.",
    )


class TimelineRequest(GenerativeRequest):
    """The fields of the jobs that can make a long clip piece by piece, each going on from the one before."""

    mode: Literal["auto", "joint", "outpaint"] = Field(
        default="auto",
        description="How a long clip is made: all of it at once in windows (joint), or piece after piece, "
        "each from the last frames before it (outpaint). 'auto' is joint up to 10 seconds.",
    )
    context: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Frames that a piece knows of what was there before it, so that motion goes on.",
    )
    resamplings: int | None = Field(
        default=None,
        ge=1,
        le=20,
        description="Times that each step is taken beside known frames, so that new ones agree with them "
        "(RePaint). 1 for a model that has learnt to go on, as pocket, else 2 if not given.",
    )
    colour_anchor: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="How strongly the colours of each piece are held at those of the first one.",
    )

    @model_validator(mode="after")
    def _pieces_are_made(self) -> Self:
        if self.mode == "outpaint" and self.is_windowed:
            raise ValueError(
                "--windows original, --overlap, --window-weights and --anchor-frame are for a clip that is "
                "made at once; leave out --mode outpaint"
            )
        for name in ("context", "colour_anchor"):
            value = getattr(self, name)
            if self.mode == "joint" and value != TimelineRequest.model_fields[name].default:
                option = name.replace("_", "-")
                raise ValueError(f"--{option} is for pieces, and --mode joint makes none; drop one of them")
        return self


class LengthRequest(GenerativeRequest):
    """The fields of the jobs whose clip is as long as is asked for."""

    seconds: float | None = Field(default=None, gt=0, le=600, description="Length; or give --num-frames.")
    num_frames: int | None = Field(
        default=None, ge=1, le=4800, description="Length in frames; a pose's or the model's own if not given."
    )

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.seconds is not None and self.num_frames is not None:
            raise ValueError("--seconds and --num-frames were both given; give one of them")
        return self

    def length(self, *, fps: Fraction, default: int) -> int:
        """Return the number of frames at `fps`; `default` where no length was asked for."""
        if self.seconds is None:
            return self.num_frames or default
        return max(1, round(Fraction(self.seconds) * fps))
