"""The README tells the truth: its commands parse, its names exist, its pictures are there."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from pathlib import Path

import pytest

import videogen as vg
from videogen.cli import parse

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
LINKS = sorted(
    {
        target
        for target in re.findall(r"\]\(([^)\s]+)[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"", TEXT)
        for target in target
        if target and not re.match(r"[a-z]+:|#", target)
    }
)


def commands() -> list[list[str]]:
    """Return every command of the README's shell blocks as words, without prompts and comments."""
    shell = "\n".join(text for kind, text in BLOCKS if kind in ("bash", "sh", "shell", "console"))
    lines = shell.replace("\\\n", " ").splitlines()
    found = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    single = [part for words in found for part in split_at(words, ("&&", "|", ";"))]
    return [words for words in single if words]


def split_at(words: list[str], signs: tuple[str, ...]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in signs:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


@pytest.mark.parametrize("words", commands(), ids=shlex.join)
def test_every_command_can_be_given(words: list[str]) -> None:
    match words:
        case ["videogen", ("--help" | "--version")] | ["videogen", _, "--help"]:
            return
        case ["videogen", *rest] | [("python" | "python3"), "-m", "videogen", *rest]:
            assert parse(rest)
        case ["make", *targets]:
            wanted = [target for target in targets if "=" not in target]
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            for target in wanted:
                assert re.search(rf"^{re.escape(target)}:", makefile, flags=re.MULTILINE), target
        case [("python" | "python3"), script, *_] if not script.startswith("-"):
            assert (ROOT / script).is_file(), script
        case [("pip" | "git" | "cd" | "source" | ".ci/run" | "bash" | "python" | "python3"), *_]:
            return
        case _:
            pytest.fail(f"the README shows a command that nothing checks: {shlex.join(words)}")


def test_the_two_commands_are_shown() -> None:
    assert ["make", "demo"] in commands()
    assert ["make", "test"] in commands()


def test_the_figures_are_those_of_the_last_evaluation() -> None:
    written = (ROOT / "samples" / "results" / "scores.md").read_text(encoding="utf-8")
    figures = written.split("\n\n", 1)[0].splitlines()
    figures += (ROOT / "samples" / "results" / "enhancers.md").read_text(encoding="utf-8").splitlines()
    assert len(figures) > 40
    for line in figures:
        assert line in TEXT.splitlines()


PYTHON = [text for kind, text in BLOCKS if kind in ("python", "py")]


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[0][:40])
def test_every_python_example_uses_names_that_exist(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("vg", "videogen"):
            assert node.attr in vg.__all__, f"videogen.{node.attr} does not exist"
        if isinstance(node, ast.Call) and ast.unparse(node.func).removeprefix("vg.") in (
            "text_to_video",
            "animate",
        ):
            request = getattr(vg, "".join(word.title() for word in ast.unparse(node.func)[3:].split("_")))
            assert {keyword.arg for keyword in node.keywords} <= request.model_fields.keys()


@pytest.mark.parametrize("target", LINKS)
def test_every_linked_file_and_picture_is_there(target: str) -> None:
    assert (ROOT / target.split("#")[0]).exists()


def test_the_map_names_only_what_is_there() -> None:
    for name in re.findall(r"`((?:videogen|pipelines|samples|tests)/[\w./-]*)`", TEXT):
        assert (ROOT / name).exists(), name


def test_the_makefile_s_targets_do_something() -> None:
    for target in ("demo", "test", "lint", "samples", "clean"):
        ended = subprocess.run(
            ["make", "--dry-run", "VENV=nowhere", target],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.strip(), target
