"""A film from sentences: a clip of each, and passages that lead from one to the next.

Writes the clips and `film.mp4` to the folder --out.
Quick: python pipelines/storyboard.py --seconds 0.5 --passage 0.5 --out out/storyboard
"""

from __future__ import annotations

import argparse
from pathlib import Path

import videogen as vg

STORY = (
    "a red ball bounces on green grass",
    "a blue star spins at night",
    "a yellow boat moves right by the sea",
)


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentences", nargs="*", default=STORY)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each clip")
    parser.add_argument("--passage", type=float, default=1.0, help="seconds between two clips")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)

    engine = vg.Engine(given.model)
    film: Path | None = None
    for number, sentence in enumerate(given.sentences, start=1):
        scene = given.out / f"scene-{number}.mp4"
        request = vg.TextToVideo(sentence, seconds=given.seconds, seed=given.seed + number)
        vg.render(request, scene, engine=engine)
        if film is None:
            film = scene
            continue
        joined = given.out / f"scenes-1-to-{number}.mp4"
        passage = vg.Transition(film, scene, seconds=given.passage, seed=given.seed)
        vg.render(passage, joined, engine=engine)
        film = joined
    if film is not None:
        film.replace(given.out / "film.mp4")
    print(given.out / "film.mp4")


if __name__ == "__main__":
    main()
