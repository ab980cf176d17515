"""The rules of the house: layers, sizes, names, documents, and what may be needed to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import videogen as vg
from videogen.jobs import MODULES, jobs

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "videogen"
FILES = sorted(PACKAGE.rglob("*.py"))
JOBS = [PACKAGE / "jobs" / f"{name}.py" for name in MODULES]
PIPELINES = sorted((ROOT / "pipelines").glob("*.py"))

SIBLINGS = {"models", "sampling", "media", "conditions", "detection", "enhance", "world"}
LAYERS: list[set[str]] = [
    {
        "continuity",
        "errors",
        "extras",
        "types",
        "skeleton",
        "skeleton_style",
        "tracks",
        "request",
        "model_request",
        "generative",
        "schedule",
        "sound",
        "threads",
    },
    SIBLINGS,
    {"weights"},
    {
        "agreement",
        "carried",
        "cast",
        "clip_conditions",
        "close_up",
        "devices",
        "engine",
        "enhancer",
        "planning",
        "poses",
        "reading",
        "seeing",
        "telling",
        "training",
    },
    {"clip", "jobs", "stored"},
    {"batch", "bench", "sheet", "several"},
    {
        "cli",
        "commands",
        "console",
        "dry_run",
        "job_commands",
        "request_flags",
        "several_commands",
        "web",
        "__main__",
    },
]
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}
OPTIONAL = [
    "PIL.ImageQt",
    "controlnet_aux",
    "cv2",
    "gradio",
    "hypothesis",
    "imageio_ffmpeg",
    "matplotlib",
    "mediapipe",
    "playwright",
    "pytest",
    "ray",
    "scenedetect",
    "skimage",
    "spandrel",
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and part for every import of the package, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports by a relative name"
            names = [f"{node.module}.{item.name}" for item in node.names]
        elif isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        else:
            continue
        for name in names:
            words = name.split(".")
            if words[0] == "videogen" and words[1:2] not in ([], ["__version__"]):
                yield node.lineno, words[1]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down_only(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    assert part in RANK, f"{part} stands in no layer"
    for line, other in imported_parts(path):
        place = f"{name_of(path)}:{line} imports videogen.{other}"
        assert other in RANK, f"{place}, which stands in no layer"
        assert RANK[other] <= RANK[part], f"{place}, which stands above it"
        assert other == part or not {other, part} <= SIBLINGS, f"{place}, its sibling"


def test_the_table_of_layers_names_what_is_there() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts <= RANK.keys()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_module_is_one_idea_of_at_most_300_lines_with_a_contract(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    if text.strip():
        contract = ast.get_docstring(ast.parse(text))
        assert contract, "no module docstring"
        assert len(contract.splitlines()) <= 15


@pytest.mark.parametrize("path", [*JOBS, *PIPELINES], ids=name_of)
def test_jobs_and_pipelines_stay_under_100_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100


def test_nothing_is_called_utils() -> None:
    names = {
        path.name.lower()
        for folder in ("videogen", "pipelines", "tests")
        for path in ROOT.glob(f"{folder}/**/*")
    }
    assert not names & {"utils.py", "util.py", "utils", "helpers.py", "misc.py", "common.py"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everything_public_is_documented(path: Path) -> None:
    missing = []

    def visit(node: ast.Module | ast.ClassDef) -> None:
        for child in node.body:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                if child.name.startswith("_"):
                    continue
                if not ast.get_docstring(child) and not is_overload(child):
                    missing.append(f"{child.name} (line {child.lineno})")
                if isinstance(child, ast.ClassDef):
                    visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    assert not missing, f"{name_of(path)}: {', '.join(missing)}"


def is_overload(node: ast.AST) -> bool:
    """Overloads, property setters and overrides of a documented method speak through the first one."""
    names = {ast.unparse(decorator).split(".")[-1] for decorator in getattr(node, "decorator_list", [])}
    return bool(names & {"overload", "setter", "override"})


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_error_is_swallowed_and_nothing_is_printed(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        place = f"{name_of(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{place} catches everything"
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) != "print", f"{place} prints"
            for keyword in node.keywords:
                loose = keyword.arg in ("weights_only",) and ast.unparse(keyword.value) == "False"
                assert not loose, f"{place} reads pickles"


def test_public_names_are_sorted_and_there() -> None:
    assert sorted(vg.__all__) == vg.__all__
    assert dir(vg) == vg.__all__
    for name in vg.__all__:
        assert getattr(vg, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = vg.nonsense


def test_every_job_has_its_function_and_request_among_the_public_names() -> None:
    for module, job in zip(MODULES, jobs().values(), strict=True):
        assert job.name == module.replace("_", "-")
        assert module in vg.__all__
        assert job.request.__name__ in vg.__all__
        assert callable(getattr(vg, module))


def test_every_job_is_in_the_list() -> None:
    found = {
        path.stem
        for path in (PACKAGE / "jobs").glob("*.py")
        if "def generate(" in path.read_text(encoding="utf-8")
    }
    assert found - {"__init__"} == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_every_field_of_every_request_has_a_test_that_it_matters(module: str) -> None:
    tree = ast.parse((ROOT / "tests" / "jobs" / f"test_{module}.py").read_text(encoding="utf-8"))
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "CHANGES"
    ]
    assert len(tables) == 1, "the job's test has no table CHANGES: dict[str, Any]"
    assert isinstance(tables[0], ast.Dict)
    changed = [ast.literal_eval(key) for key in tables[0].keys if key is not None]
    fields = jobs()[module.replace("_", "-")].request.model_fields
    assert sorted(changed) == sorted(fields)


def test_tests_mirror_the_package() -> None:
    parts = {part_of(path) for path in FILES}
    alone = {"bad_input", "golden", "house", "readme", "pipelines"}
    for test in (ROOT / "tests").glob("*"):
        if test.is_dir() and not test.name.startswith("_"):
            assert test.name in parts | alone, f"tests/{test.name} mirrors nothing"
        elif test.name.startswith("test_"):
            assert test.stem.removeprefix("test_") in parts | alone, f"tests/{test.name} mirrors nothing"


def test_every_module_imports_with_the_base_dependencies_only() -> None:
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES]
    names = [name.removesuffix(".__init__") for name in modules if not name.endswith("__main__")]
    code = (
        "import importlib, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        f"for name in {OPTIONAL!r}: sys.modules[name] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, videogen; print(sorted({'torch', 'numpy', 'pydantic', 'tyro'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout.strip() == "[]"
