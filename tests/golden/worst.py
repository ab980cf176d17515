"""Print the worst relative L2 error of each family against the originals, as a table.

python -m tests.golden.worst
"""

from __future__ import annotations

import contextlib
import io
import sys
from unittest import mock

import pytest
from torch import Tensor

from tests.golden import conftest


class Notes:
    """A plugin that notes every comparison under what its test compares."""

    def __init__(self) -> None:
        self.worst: dict[str, float] = {}
        self.family = ""

    def pytest_runtest_setup(self, item: pytest.Function) -> None:
        given = item.callspec.params if hasattr(item, "callspec") else {}
        self.family = given.get("name", item.originalname.removeprefix("test_"))

    def difference(self, found: Tensor, expected: Tensor) -> float:
        error = float((found - expected).norm() / expected.norm())
        self.worst[self.family] = max(self.worst.get(self.family, 0.0), error)
        return error


def main() -> None:
    """Run the golden tests and print the table; the exit code is that of the tests."""
    notes = Notes()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(mock.patch.object(conftest, "difference", notes.difference))
        code = pytest.main(["tests/golden", "-q"], plugins=[notes])
    sys.stdout.write("| compared | worst relative L2 error |\n|---|---|\n")
    for name, error in sorted(notes.worst.items()):
        sys.stdout.write(f"| {name} | {error:.1e} |\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
