"""ModelScope's network, told what pocket is told: of all that it understands words alone.

diffusers' own network behind the same call (Wang et al. 2023, "ModelScope Text-to-Video Technical Report").
"""

from __future__ import annotations

from diffusers import UNet3DConditionModel
from torch import Tensor, nn

from videogen.models.conditioned import Inputs


class ModelScopeUNet(nn.Module):
    """diffusers' network of ModelScope and zeroscope."""

    reads_poses = False
    reads_carried = False
    reads_motion = False
    needs_poses = False

    def __init__(self, unet: UNet3DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, noisy: Tensor, timestep: Tensor, given: Inputs) -> Tensor:
        """Predict for noisy latents, `b c t h w` → the same shape; `timestep` scalar or `b`, 0…1000."""
        out: Tensor = self.unet(noisy, timestep, encoder_hidden_states=given.text, return_dict=False)[0]
        return out
