"""Every size of a temporal U-Net as one value, which reads and writes JSON and refuses what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

_LARGEST = 1 << 16
_DEEPEST = 8


@dataclass(frozen=True)
class TemporalUNetConfig:
    """Every size of a temporal U-Net; the defaults are Stable Diffusion 1.5 without temporal layers.

    Raises ValueError where the sizes do not fit together.
    """

    in_channels: int = 4
    out_channels: int = 4
    block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention_levels: tuple[bool, ...] = (True, True, True, False)
    """Which sizes have spatial and cross-attention (`CrossAttnDownBlock2D` against `DownBlock2D`)."""
    layers_per_block: int = 2
    cross_attention_dim: int = 768
    attention_heads: int = 8
    """Number of heads; diffusers calls it `attention_head_dim`."""
    feed_forward_mult: int = 4
    norm_num_groups: int = 32
    norm_eps: float = 1e-5
    norm_over_frames: bool = False
    """Whether the norms of residual blocks and of the output take their statistics over all frames at once.

    AnimateDiff v1 and MagicAnimate do; AnimateDiff v2 and v3 and AnimateAnyone go frame by frame.
    """
    scale_shift: bool = False
    """FiLM by scale and shift instead of by addition (diffusers' `resnet_time_scale_shift`)."""
    temporal_convolution: bool = False
    motion_levels: tuple[bool, ...] = (False, False, False, False)
    """Which sizes have motion modules."""
    motion_mid_block: bool = False
    motion_heads: int = 8
    motion_attentions: int = 2
    """Attentions over time in each motion module, 1 or 2."""
    motion_num_groups: int = 32
    motion_max_frames: int = 32
    motion_norm_over_frames: bool = False
    """Whether the norm of motion modules does so: as in diffusers' UNetMotionModel, and in no checkpoint."""
    frame_conditioning: bool = False
    """FiLM by frame rate, frame time and the pooled sentence together (after Make-A-Video's frame rate)."""
    only_read: bool = False
    """Whether the network predicts nothing, and only lends its tokens to another one's attention.

    The appearance encoder of MagicAnimate and the reference network of AnimateAnyone: without an output and
    without what would come after the last tokens.
    """
    image_prompt: bool = False
    """Whether attention to words is beside one to the tokens of a picture (IP-Adapter, Ye et al. 2023)."""
    pose_widths: tuple[int, ...] = ()
    """Channels of the pose encoder; empty = none."""

    def __post_init__(self) -> None:
        widths, levels = self.block_out_channels, len(self.block_out_channels)
        _require(1 <= levels <= _DEEPEST, f"block_out_channels must name 1 to {_DEEPEST} sizes")
        for name in ("attention_levels", "motion_levels"):
            found = len(getattr(self, name))
            _require(found == levels, f"{name} has {found} entries for {levels} sizes")
        for name, value in asdict(self).items():
            sizes = value if isinstance(value, tuple) else (value,)
            fits = all(1 <= size <= _LARGEST for size in sizes if type(size) is int)
            _require(fits, f"{name} is {value}, expected 1 to {_LARGEST}")
        _require(self.layers_per_block <= 2 * _DEEPEST, f"layers_per_block is {self.layers_per_block}")
        _require(0 < self.norm_eps < 1, f"norm_eps is {self.norm_eps}, expected a little more than 0")
        _require(
            self.motion_attentions in (1, 2), f"motion_attentions is {self.motion_attentions}, not 1 or 2"
        )
        _require(widths[0] % 2 == 0, f"the first of block_out_channels is {widths[0]}, which is odd")
        _divides(self.norm_num_groups, widths, name="norm_num_groups")
        attended = [width for width, there in zip(widths, self.attention_levels, strict=True) if there]
        _divides(self.attention_heads, [*attended, widths[-1]], name="attention_heads")
        moving = [width for width, there in zip(widths, self.motion_levels, strict=True) if there]
        moving += [widths[-1]] if self.motion_mid_block else []
        _divides(self.motion_heads, moving, name="motion_heads")
        _divides(self.motion_num_groups, moving, name="motion_num_groups")

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> TemporalUNetConfig:
        """A config from JSON values; raises TypeError for unknown names and for values of another kind."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise TypeError(f"unknown U-Net settings: {', '.join(unknown)}")
        defaults = asdict(cls())
        for name, value in values.items():
            if not _is_like(value, defaults[name], whether=name.endswith("_levels")):
                raise TypeError(f"the U-Net setting {name} is {value!r}")
        made = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**made)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, object]:
        """The config as JSON values."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _is_like(value: object, default: object, *, whether: bool) -> bool:
    """Whether `value` is of the kind of `default`; in lists, bools if `whether` and whole numbers if not."""
    if isinstance(default, tuple):
        kind = bool if whether else int
        return isinstance(value, list | tuple) and all(type(each) is kind for each in value)
    return type(value) is type(default) or (isinstance(default, float) and type(value) is int)


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ValueError(f"the U-Net cannot be built: {problem}")


def _divides(number: int, widths: tuple[int, ...] | list[int], *, name: str) -> None:
    odd = [width for width in widths if width % number]
    _require(not odd, f"{name} = {number} does not divide the width {odd[0] if odd else ''}")
