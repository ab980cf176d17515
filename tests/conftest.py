"""What several tests share: an engine without networks, quick and exact."""

from __future__ import annotations

import os
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from videogen.extras import NOTHING, Extras
from videogen.sampling import always

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # tests that run side by side share the cores
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))  # and what they start


class FakeAgreement:
    """Words are a number, and latents agree with them whose mean is near it."""

    hashes: ClassVar[dict[str, str]] = {"clip/model.safetensors": "cd" * 32}

    def words(self, *prompts: str) -> torch.Tensor:
        """Return the numbers of prompts, `n 1`."""
        return torch.tensor([[zlib.crc32(prompt.encode()) % 97 / 97] for prompt in prompts])

    def vector(self, video: torch.Tensor) -> torch.Tensor:
        """Return the mean of each video, `b 1`."""
        return video.flatten(1).mean(1, keepdim=True)

    def similarity(self, video: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Return how near the mean is, 0 at most."""
        return -(self.vector(video) - words).square().sum()


@dataclass
class FakeEngine:
    """An engine whose prediction is a plain formula of latents, conditions and frame number.

    `rows` holds how many windows each call of a denoiser was given.
    """

    model: str = "pocket"
    motion_modules: Path | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    hashes: dict[str, str] = field(default_factory=lambda: {"unet/model.safetensors": "ab" * 32})
    spec: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            width=32,
            height=32,
            num_frames=6,
            window=4,
            overlap=2,
            fps=Fraction(8),
            num_inference_steps=3,
            guidance_scale=2.0,
            pose_guidance=1.5,
            latent_channels=2,
            vae_scale_factor=4,
            size_multiple=16,
            skeleton_style="own",
        )
    )
    known_words: tuple[str, ...] = ("a", "ball", "blue", "bounces", "circle", "green", "red", "square")
    rows: list[int] = field(default_factory=list)

    reads_carried: bool = True
    reads_words: bool = True
    reads_pictures: bool = False
    reads_keyframes: bool = False
    reads_motion: bool = False
    reads_poses: bool = True
    needs_poses: bool = False
    longest_window: int = 8
    extras: Extras = NOTHING
    agreement: FakeAgreement = field(default_factory=FakeAgreement)

    def similarity(self, latents: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """Return how well latents agree with words."""
        return self.agreement.similarity(latents, words)

    @property
    def settings(self) -> dict[str, Any]:
        """Return what a request must agree with."""
        return {"model": self.model, "motion_modules": self.motion_modules}

    def without(self, conditions: Any) -> Any:
        """Leave out the pose and the words, of models that read motion the reference."""
        told = replace(conditions, pose_maps=None, prompt=None)
        return replace(told, reference=None, picture=None) if self.reads_motion else told

    def without_words(self, conditions: Any) -> Any:
        """Leave out the words alone."""
        return replace(conditions, prompt=None)

    def scheduler(self, num_inference_steps: int | None = None) -> Any:
        """Return a fresh scheduler, the same for every number of steps."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        return FlowMatchEulerDiscreteScheduler()

    def denoiser(
        self, conditions: Any, timeline: Any, *, whole: Callable[[torch.Tensor], bool] = always
    ) -> Callable[..., torch.Tensor]:
        """Return a denoiser that pulls towards a level of its own per prompt and rate, and what is given.

        Where it is not asked for the whole it pulls a little less.
        """
        del timeline
        level = zlib.crc32(str(conditions.prompt or "").encode()) % 97 / 97 + conditions.fps / 16
        level += 0.001 * sum(conditions.motion or ())
        pose = conditions.pose_maps
        if pose is not None:
            pose = F.avg_pool3d(pose, (1, self.spec.vae_scale_factor, self.spec.vae_scale_factor)).mean(
                1, True
            )
        per_frame = [part for part in (conditions.carried, conditions.visibility, pose) if part is not None]
        everywhere = 0.0 if conditions.reference is None else conditions.reference
        if conditions.reference is None and conditions.picture is not None:
            everywhere = conditions.picture.mean()

        def denoise(latents: torch.Tensor, timestep: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
            self.rows.append(len(latents))
            given = [torch.stack([part[0][:, row] for row in frames]) for part in per_frame]
            window = frames.float().mean(1)[:, None, None, None, None]
            drift = 0.01 * frames[:, None, :, None, None] + 0.02 * window + 0 * timestep
            full = 1.0 if whole(timestep) else 0.9
            return 0.5 * latents - full * level + drift - sum(given) - everywhere

        return denoise

    def denoisers(self, chain: Any, timeline: Any, **which: Any) -> list[Callable[..., torch.Tensor]]:
        """Return a denoiser for each of the conditions."""
        return [self.denoiser(conditions, timeline, **which) for conditions in chain]

    def windows_at_once(self, height: int, width: int, *, window: int | None = None) -> int:
        """Return how many windows are denoised together where nobody says."""
        return 1

    def plan(self, prompt: str, *, length: int, fps: Any, seed: int, path: Any = None) -> Any:
        """Return a plan of one disc at a place of its own per prompt and seed, or along the path."""
        from videogen.planning import Plan
        from videogen.tracks import Tracks

        tracks = Tracks.none(1, length)
        tracks.outline[:] = 1
        place = zlib.crc32(f"{prompt} {seed}".encode()) % 97 / 97
        tracks.state[:, :, 0] = torch.tensor([place, 0.5, 0.2, 0.0, 1.0])
        if path is not None:
            values = torch.from_numpy(path.at(np.arange(length) / float(fps)))
            tracks.state[0, :, 0, :2] = values[:, :2]
        return Plan(tracks=tracks, pose=None)

    def encode_video(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return latents: red and green, made smaller."""
        small = F.avg_pool2d(pictures, self.spec.vae_scale_factor)  # t c h w
        return small[:, : self.spec.latent_channels].transpose(0, 1)[None]

    def encode(self, frames: np.ndarray[Any, Any]) -> torch.Tensor:
        """Return latents of frames uint8 `t h w c`."""
        return self.encode_video(torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1)

    def decode_video(self, latents: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield pictures `c h w`: the first latent channel, enlarged."""
        scale = self.spec.vae_scale_factor
        for grey in latents[0, 0].div(2).clamp(-1, 1):
            yield grey.repeat_interleave(scale, 0).repeat_interleave(scale, 1).expand(3, -1, -1)

    def decode(self, latents: torch.Tensor) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
        """Yield frames: the first latent channel, enlarged."""
        for picture in self.decode_video(latents):
            yield picture.add(1).mul(127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()

    def unknown_words(self, prompt: str) -> list[str]:
        """Return the words that are not in `known_words`."""
        return [word for word in prompt.lower().split() if word not in self.known_words]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests would put into the user's cache in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def fake_engine() -> FakeEngine:
    """Return an engine without networks."""
    return FakeEngine()


@pytest.fixture
def asked_engines(fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what every engine is asked to be from now on, by the names of the settings."""
    asked: list[dict[str, Any]] = []

    def load_engine(model: str, **settings: Any) -> FakeEngine:
        asked.append({"model": model, **settings})
        return fake_engine

    monkeypatch.setattr("videogen.clip.load_engine", load_engine)
    return asked


@pytest.fixture(scope="session")
def make_fake_engine() -> type[FakeEngine]:
    """Return what makes engines without networks, for fixtures that live longer than a test."""
    return FakeEngine


@pytest.fixture(scope="session")
def head_moves() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return keypoints `t k 3` of a head that turns for a second, at 8 frames per second."""
    from videogen.world.clips import render_clips

    return render_clips("portrait", torch.tensor([46]), size=16, num_frames=8, fps=8).points[0].numpy()


@pytest.fixture
def portrait_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head_moves: np.ndarray[Any, np.dtype[np.float32]]
) -> Path:
    """Return the current folder, which holds a picture of odd size, its keypoints, and how it shall move.

    `photo.png` and `photo.json`; `pose.json` begins with the photo's own pose.
    """
    from videogen.conditions.pose import write_pose
    from videogen.media.image import write_image
    from videogen.types import Pose

    width, height = 333, 251
    rough = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    photo = F.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    write_image(tmp_path / "photo.png", (photo * 255).to(torch.uint8).numpy())
    still = Pose(head_moves[:1], aspect=width / height)
    write_pose(tmp_path / "photo.json", still, width=width, height=height)
    moving = Pose(head_moves, fps=Fraction(8), aspect=width / height)
    write_pose(tmp_path / "pose.json", moving, width=width, height=height)
    monkeypatch.chdir(tmp_path)
    # The picture is noise, in which nobody would be found, slowly.
    monkeypatch.setattr("videogen.detection.mask.person_mask", lambda picture: np.zeros(picture.shape[:2]))
    monkeypatch.setattr("videogen.detection.ground.fill_ground", lambda picture, person: None)
    return tmp_path


@pytest.fixture
def make_sound() -> Callable[..., Path]:
    """Write a WAV of a quiet tone with one loud click, `click` seconds from its start."""

    def make_sound(
        path: Path, *, seconds: float, rate: int = 44_100, channels: int = 2, click: float = 0.5
    ) -> Path:
        time = np.arange(round(seconds * rate)) / rate
        samples = 1000 * np.sin(2 * np.pi * 440 * time)
        samples[np.abs(time - click) < 0.002] = 30_000
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.repeat(samples.astype("<i2"), channels).tobytes())
        return path

    return make_sound


@pytest.fixture
def hear() -> Callable[[Path], tuple[np.ndarray, int]]:
    """Decode the sound of a file: mono samples and their rate."""

    def hear(path: Path) -> tuple[np.ndarray, int]:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            parts = [frame.to_ndarray().mean(axis=0) for frame in container.decode(stream)]
            return np.concatenate(parts), stream.codec_context.sample_rate

    return hear
