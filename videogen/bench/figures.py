"""What an evaluation found: figures with ceilings and baselines, confusion tables, contact sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from videogen.types import Frames

MADE, CODED, TRUE, RIVAL, TRIVIAL = "made", "autoencoded", "true", "rival", "trivial"
LED, BEST = "led", "best"
COLUMNS = {
    MADE: "model", LED: "with clip guidance", BEST: "best of several",
    CODED: "true renders through the autoencoder", TRUE: "true renders",
    RIVAL: "method without learning", TRIVIAL: "trivial baseline",
}  # fmt: skip
"""What a figure's numbers are of; the table leaves out columns that no figure has."""


@dataclass
class Evaluation:
    """Figures of one model.

    `samples` name → column → one number per clip; a figure is their mean. `confusion` name → pairs of
    (asked for, read back). `sheets` name → rows of frames that belong together.
    """

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    confusion: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    sheets: dict[str, list[Frames]] = field(default_factory=dict)

    def add(self, name: str, column: str, value: float) -> None:
        """Note one clip's number under figure `name`."""
        self.samples.setdefault(name, {}).setdefault(column, []).append(float(value))

    def asked(self, name: str, wanted: str, found: str | None) -> None:
        """Note what was asked for and what was read back."""
        self.confusion.setdefault(name, []).append((wanted, found or "nothing"))

    def show(self, name: str, *rows: Frames) -> None:
        """Put rows of frames on the contact sheet `name`."""
        self.sheets.setdefault(name, []).extend(rows)

    def join(self, other: Evaluation) -> None:
        """Take in the figures, tables and sheets of another part."""
        self.samples |= other.samples
        self.confusion |= other.confusion
        self.sheets |= other.sheets

    def scores(self) -> dict[str, dict[str, float]]:
        """Figure → column → mean, with the number of clips under `clips`."""
        found: dict[str, dict[str, float]] = {}
        for name, columns in self.samples.items():
            kept = {column: [v for v in values if np.isfinite(v)] for column, values in columns.items()}
            found[name] = {column: float(np.mean(values)) for column, values in kept.items() if values}
            found[name]["clips"] = max(len(values) for values in kept.values())
        return found

    def to_dict(self) -> dict[str, object]:
        """Scores and confusion counts as JSON values."""
        tables = {name: confusion_counts(pairs) for name, pairs in self.confusion.items()}
        return {"scores": self.scores(), "confusion": tables}


def confusion_counts(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Asked for → read back → how often."""
    counts: dict[str, dict[str, int]] = {}
    for wanted, found in pairs:
        row = counts.setdefault(wanted, {})
        row[found] = row.get(found, 0) + 1
    return counts


def table(evaluation: Evaluation, *, title: str) -> str:
    """Every figure as a row of a Markdown table, then each confusion table."""
    scores = evaluation.scores()
    shown = [each for each in COLUMNS if each == MADE or any(each in columns for columns in scores.values())]
    head = f"| {title} | {' | '.join(COLUMNS[each] for each in shown)} | clips |"
    rows = [head, "|---" * (len(shown) + 2) + "|"]
    for name, columns in scores.items():
        cells = [f"{columns[column]:.3f}" if column in columns else "" for column in shown]
        rows.append(f"| {name} | {' | '.join(cells)} | {columns['clips']:.0f} |")
    parts = ["\n".join(rows)]
    parts += [confusion_table(name, pairs) for name, pairs in evaluation.confusion.items()]
    return "\n\n".join(parts) + "\n"


def confusion_table(name: str, pairs: Sequence[tuple[str, str]]) -> str:
    """One confusion table as Markdown: a row for what was asked for, a column for what was read back."""
    counts = confusion_counts(pairs)
    found = sorted({read for row in counts.values() for read in row})
    rows = [f"| {name}: asked for ↓, read back → | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for wanted in sorted(counts):
        cells = [str(counts[wanted].get(read, "")) for read in found]
        rows.append(f"| {wanted} | {' | '.join(cells)} |")
    return "\n".join(rows)


def contact_sheet(rows: Sequence[Frames], *, columns: int = 8, tallest: int = 16) -> Frames:
    """Rows of frames as one picture, `1 h w c`: each row thinned to `columns` frames, a thin gap between.

    More than `tallest` rows, an even number so that pairs stay together, go on beside the first ones.
    """
    strips = []
    for frames in rows:
        picked = frames[np.linspace(0, len(frames) - 1, columns).round().astype(int)]
        padded = np.pad(picked, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)
        strips.append(np.concatenate(list(padded), 1))
    blank, gap = np.full_like(strips[0], 255), 8
    beside = -(-len(strips) // tallest)
    height = len(strips) if beside == 1 else -(-len(strips) // (2 * beside)) * 2
    blocks = []
    for first in range(0, len(strips), height):
        block = strips[first : first + height]
        whole = np.concatenate([*block, *[blank] * (height - len(block))])
        blocks.append(np.pad(whole, ((0, 0), (gap if first else 0, 0), (0, 0)), constant_values=255))
    return np.asarray(np.concatenate(blocks, 1)[None])
