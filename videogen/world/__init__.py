"""The procedural world that pocket is trained on: coloured things that move, cartoon people that act.

Endless and seeded: an index is a clip, with everything true that can be known of it. Batched torch
throughout, so the same code renders on a CPU and on a GPU.
"""

from videogen.world.clips import KINDS, WorldClips, render_clips

__all__ = ["KINDS", "WorldClips", "render_clips"]
