"""The temporal U-Net: a Stable-Diffusion U-Net whose every layer knows that frames follow each other.

In: noisy latents of a whole clip with whatever is concatenated to them, a timestep, words, and optionally
a frame rate, reference tokens, pose maps and ControlNet residuals, all as arguments of `forward`. Out: the
prediction for every frame. Submodules are named as in diffusers' UNet2DConditionModel and MotionAdapter.
At initialisation every temporal layer is the identity, so the clip is denoised frame by frame as by the 2-D
U-Net; an image is a clip of one frame. The size is a value, `TemporalUNetConfig`: pocket and Stable
Diffusion 1.5 are two of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from videogen.models.blocks import Block, Descent, Given, blocks_of, frames_of
from videogen.models.config import TemporalUNetConfig
from videogen.models.layers import TimestepEmbedding, Upsample, normalize, sinusoid
from videogen.models.pose_encoder import PoseEncoder

__all__ = ["TemporalUNet", "TemporalUNetConfig"]


class TemporalUNet(Descent):
    """See the module's docstring; `config` holds every size."""

    def __init__(self, config: TemporalUNetConfig) -> None:
        super().__init__(config)
        widths, layers = config.block_out_channels, config.layers_per_block
        if config.frame_conditioning:
            features = 2 * widths[0] + config.cross_attention_dim
            self.frame_embedding = TimestepEmbedding(features, widths[0] * 4)
            nn.init.zeros_(self.frame_embedding.linear_2.weight)
            nn.init.zeros_(self.frame_embedding.linear_2.bias)
        self.pose_encoder = PoseEncoder(widths[0], widths=config.pose_widths) if config.pose_widths else None
        skips, before = list(self.skip_widths), widths[-1]
        self.up_blocks = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            pairs = [((before if i == 0 else width) + skips.pop(), width) for i in range(layers + 1)]
            block = Block(
                config, pairs, refined=layers + 1, attention=config.attention_levels[level],
                motion=config.motion_levels[level], read=config.only_read and level == 0,
            )  # fmt: skip
            if level > 0:
                block.upsamplers.append(Upsample(width))
            self.up_blocks.append(block)
            before = width
        if not config.only_read:
            self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, widths[0], config.norm_eps)
            self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)

    def forward(
        self,
        x: Tensor,
        timestep: Tensor,
        text: Tensor,
        *,
        fps: Tensor | None = None,
        reference: Mapping[str, Tensor] | None = None,
        pose: Tensor | None = None,
        image: Tensor | None = None,
        first_residual: Tensor | None = None,
        down_residuals: Sequence[Tensor] = (),
        mid_residual: Tensor | None = None,
    ) -> Tensor:
        """Predict for every frame.

        `x` `b c t h w` (latents and what is concatenated); `timestep` scalar or `b`, in the scheduler's
        units; `text` `b l c`, or each frame's own, `b t l c`; `fps` `b`; `reference` tokens `b l d` by
        attention layer; `pose` 0…1 `b 3 t H W`; `image` tokens `b l c` beside the words; residuals
        `(b t) c h w` of a pose guider for the first convolution, of a ControlNet one per skip and one for the
        middle. Returns `b c t h w`. Raises ValueError for shapes that do not fit and for what this network
        cannot be told.
        """
        return self.evaluate(
            x, timestep, text, fps=fps, reference=reference, image=image, pose=pose,
            first_residual=first_residual, down_residuals=down_residuals, mid_residual=mid_residual,
        )[0]  # fmt: skip

    def evaluate(
        self,
        x: Tensor,
        timestep: Tensor,
        text: Tensor,
        *,
        fps: Tensor | None = None,
        reference: Mapping[str, Tensor] | None = None,
        image: Tensor | None = None,
        pose: Tensor | None = None,
        first_residual: Tensor | None = None,
        down_residuals: Sequence[Tensor] = (),
        mid_residual: Tensor | None = None,
        deep: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """As `forward`; also the deep features that the largest size was told, `(b t) c h w`.

        Given those of an earlier timestep as `deep`, only the largest size is computed anew (DeepCache, Ma et
        al. 2023): close to the prediction, at a fraction of its cost.
        """
        self._check(x, fps=fps, reference=reference, pose=pose, image=image)
        b, t = x.shape[0], x.shape[2]
        embedding = self._embed(timestep.expand(b), text, fps, num_frames=t)
        given = Given(embedding, text, reference or {}, t, image=image)
        hidden: Tensor = self._begin(x, pose, first_residual)
        if deep is None:
            deep, skips = self._through_the_depth(hidden, given, down_residuals, mid_residual)
        else:
            skips = self._with(down_residuals, self.shallow(hidden, given))
        hidden = self._up(len(self.up_blocks) - 1, deep, skips, given)
        together = t if self.config.norm_over_frames else 1
        hidden = self.conv_out(F.silu(normalize(self.conv_norm_out, hidden, num_frames=together)))
        return rearrange(hidden, "(b t) c h w -> b c t h w", b=b), deep

    def read(self, x: Tensor, timestep: Tensor, text: Tensor) -> dict[str, Tensor]:
        """The tokens of a reference `b c 1 h w` by attention layer, `b n d`, for another network's attention.

        `timestep` and `text` as for `forward`.
        """
        self._check(x, fps=None, reference=None, pose=None, image=None)
        lent: dict[str, Tensor] = {}
        embedding = self._embed(timestep.expand(len(x)), text, None, num_frames=1)
        given = Given(embedding, text, {}, 1, lent)
        deep, skips = self._through_the_depth(self._begin(x, None, None), given, (), None)
        self._up(len(self.up_blocks) - 1, deep, skips, given)
        return {name: tokens.flatten(1, 2) for name, tokens in lent.items()}

    def _begin(self, x: Tensor, pose: Tensor | None, residual: Tensor | None) -> Tensor:
        """After the first convolution, `(b t) c h w`."""
        hidden: Tensor = self.conv_in(frames_of(x))
        if pose is not None and self.pose_encoder is not None:
            hidden = hidden + self.pose_encoder(frames_of(pose))
        return hidden if residual is None else hidden + residual

    def _through_the_depth(
        self, hidden: Tensor, given: Given, down_residuals: Sequence[Tensor], mid_residual: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Down, through the middle, and up to the largest size; also the skips that are left for it."""
        hidden, skips = self.descend(hidden, given)
        skips = self._with(down_residuals, skips)
        if mid_residual is not None:
            hidden = hidden + mid_residual
        for number in range(len(self.up_blocks) - 1):
            hidden = self._up(number, hidden, skips, given)
        return hidden, skips

    def _with(self, residuals: Sequence[Tensor], skips: list[Tensor]) -> list[Tensor]:
        """The first of all skips, each with its ControlNet residual."""
        if residuals and len(residuals) != len(self.skip_widths):
            raise ValueError(
                f"{len(residuals)} ControlNet residuals; this U-Net has {len(self.skip_widths)} skips"
            )
        return [skip + residual for skip, residual in zip(skips, residuals, strict=False)] or skips

    def _up(self, number: int, hidden: Tensor, skips: list[Tensor], given: Given) -> Tensor:
        """Through one size on the way up, each layer with its skip, which is taken from the list."""
        block = list(blocks_of(self.up_blocks))[number]
        for index in range(self.config.layers_per_block + 1):
            hidden = torch.cat([hidden, skips.pop()], 1)
            hidden = block.layer(index, hidden, given.named(f"up_blocks.{number}"))
        for upsample in block.upsamplers:
            hidden = upsample(hidden, skips[-1].shape[-2:])
        return hidden

    def _check(
        self, x: Tensor, *, fps: Tensor | None, reference: Mapping[str, Tensor] | None, pose: Tensor | None,
        image: Tensor | None,
    ) -> None:  # fmt: skip
        if x.ndim != 5 or x.shape[1] != self.config.in_channels:
            raise ValueError(f"x must be b {self.config.in_channels} t h w, got shape {tuple(x.shape)}")
        if fps is not None and not self.config.frame_conditioning:
            raise ValueError("a frame rate is given, but this U-Net has no frame conditioning")
        if pose is not None and self.pose_encoder is None:
            raise ValueError("pose maps are given, but this U-Net has no pose encoder")
        if image is not None and not self.config.image_prompt:
            raise ValueError("the tokens of a picture are given, but this U-Net has no IP-Adapter")
        unknown = sorted(set(reference or {}) - set(self.attention_layers()))
        if unknown:
            raise ValueError(f"reference tokens for {unknown[0]}, which is no attention layer of this U-Net")

    def attention_layers(self) -> dict[str, tuple[int, int]]:
        """Name → (level, width) of every spatial attention layer, for those who make reference tokens."""
        deepest = len(self.config.block_out_channels) - 1
        levels = {f"down_blocks.{i}": i for i in range(deepest + 1)} | {"mid_block": deepest}
        levels |= {f"up_blocks.{i}": deepest - i for i in range(deepest + 1)}
        found = {}
        for name, level in levels.items():
            block = self.get_submodule(name)
            assert isinstance(block, Block)
            for index in range(len(block.attentions)):
                found[f"{name}.attentions.{index}"] = (level, self.config.block_out_channels[level])
        return found

    def _embed(self, timestep: Tensor, text: Tensor, fps: Tensor | None, *, num_frames: int) -> Tensor:
        """FiLM embedding: of the timestep, `b 1 d`, or with frame rate, frame time and sentence, `b t d`."""
        width = self.config.block_out_channels[0]
        embedding = self.embed_time(timestep, text)
        if fps is None:
            return embedding
        frames = torch.arange(num_frames, device=fps.device)
        seconds = sinusoid(100 * frames / fps[:, None], width)  # b t width
        rate = sinusoid(10 * fps, width)[:, None].expand_as(seconds)
        sentence = text.mean(-2) if text.ndim == 4 else text.mean(1, keepdim=True).expand(-1, num_frames, -1)
        features = torch.cat([seconds.to(text.dtype), rate.to(text.dtype), sentence], -1)
        framed: Tensor = self.frame_embedding(features)
        return embedding + framed
