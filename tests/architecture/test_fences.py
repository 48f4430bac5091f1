"""Each foreign library has one home; `import scanmill` and the help of the command stay cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "platform" / "scanmill"

HOMES = {
    "cupy": ["arrays.py", "kernels/launch.py"],
    "cupyx": ["arrays.py", "kernels/launch.py"],
    "numba": ["kernels/"],
    "threadpoolctl": ["kernels/"],
    "finufft": ["operators/"],
    "ray": ["engine/"],
    "sqlalchemy": ["engine/ledger/"],
    "psycopg": ["engine/ledger/"],
    "duckdb": ["cohort/select.py"],
    "fsspec": ["storage/"],
    "s3fs": ["storage/"],
    "botocore": ["storage/"],
    "mlflow": ["tracking/"],
    "faiss": ["retrieval/"],
    "fastapi": ["service/"],
    "pydicom": ["io/"],
    "nibabel": ["io/"],
    "ismrmrd": ["io/"],
    "h5py": ["io/"],
    "tifffile": ["io/"],
    "jinja2": ["report/"],
    "matplotlib": ["report/"],
    "typer": ["cli/"],
    "PIL": ["io/", "engine/artifacts.py", "report/"],
    "psutil": ["steps/memory.py", "io/voxel_limit.py", "engine/"],
    "cv2": ["algorithms/matching/keypoints.py"],
    "onnx": ["algorithms/features/onnx_model.py"],
    "onnxruntime": ["algorithms/features/onnx_model.py"],
    "torch": [],
}
HEAVY = ("cupy", "cv2", "onnx", "onnxruntime", "ray", "mlflow", "faiss", "torch", "numba")


def imported_libraries(path: Path) -> set[str]:
    """The first words of all imports in a file, those through import_module with a literal included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                found.add(str(node.args[0].value).partition(".")[0])
    return found


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library):
    strangers = [
        name
        for path in PACKAGE.rglob("*.py")
        if library in imported_libraries(path)
        and not (name := path.relative_to(PACKAGE).as_posix()).startswith(tuple(HOMES[library]) or ("-",))
    ]
    assert not strangers, f"{library} belongs in {HOMES[library]}"


def test_platform_is_only_a_source_root():
    """A platform/__init__.py would shadow the standard library's module."""
    assert not (PACKAGE.parent / "__init__.py").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "import scanmill",
        "from scanmill.steps.table import find_step, step_paths; [find_step(n) for n in step_paths()]",
        "from typer.testing import CliRunner; from scanmill.cli import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
    ],
    ids=["import scanmill", "the list of steps", "scanmill --help"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(statement):
    check = f"import sys; {statement}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_files_stay_readable():
    """400 lines is the point at which to split."""
    long = {
        p.relative_to(PACKAGE).as_posix(): n
        for p in PACKAGE.rglob("*.py")
        if (n := len(p.read_text("utf-8").splitlines())) > 400
    }
    assert not long
