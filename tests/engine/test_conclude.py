"""Exceptions become outcomes, and nothing about people or machines comes out with them."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmill.engine.conclude import conclude, scrubbed, traceback_text
from scanmill.engine.inputs import Inputs
from scanmill.engine.task import FileRef
from scanmill.errors import ConvergenceError, InputError, ResourceError, SpecError
from scanmill.storage import open_store


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (InputError("bad"), "InputError", False),
        (SpecError("bad"), "SpecError", False),
        (ConvergenceError("bad"), "ConvergenceError", False),
        (ResourceError("bad"), "ResourceError", True),
        (OSError(28, "No space left on device"), "ResourceError", True),
        (OSError(30, "Read-only file system"), "ResourceError", True),
        (OSError(5, "Input/output error"), "ResourceError", True),
        (MemoryError(), "ResourceError", True),
        (FileNotFoundError(2, "No such file", "/home/x"), "FileNotFoundError", True),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError", True),
        (KeyboardInterrupt(), "KeyboardInterrupt", True),
    ],
)
def test_what_an_exception_means(error, kind, retryable):
    verdict = conclude(error)
    assert (verdict.error_class, verdict.retryable) == (kind, retryable)


def test_a_subclass_of_ours_counts_as_ours():
    class WorseError(InputError):
        pass

    assert conclude(WorseError("bad")).error_class == "InputError"


def test_a_lost_gpu_is_told_from_a_full_one():
    lost = type("CUDARuntimeError", (RuntimeError,), {})("cudaErrorIllegalAddress")
    full = type("OutOfMemoryError", (MemoryError,), {})("out of memory")
    assert conclude(lost).device_lost
    assert conclude(lost).outcome(device="d", node="n", seconds={}, warnings=()).extra == {"device_lost": True}
    assert (conclude(full).tile, conclude(full).exclusive) == (0.5, False)
    last = conclude(full, tile=0.25)
    assert (last.tile, last.exclusive) == (0.25, True)


@given(st.lists(st.text("abcXYZ019_- ^.,", min_size=1, max_size=12), min_size=1, max_size=5))
def test_no_absolute_path_survives(parts):
    parts = [part.strip() or "x" for part in parts]
    text = scrubbed(f"cannot open /{'/'.join(parts)}")
    assert "/" not in text.replace("<path>", "")
    for folder in parts[:-1]:
        if len(folder) > 3:
            assert folder not in text.replace("cannot open <path>", "")


@pytest.mark.parametrize(
    "text",
    [
        "no such file: /data/DOE JOHN/ct/1.dcm",
        "could not convert string to float: 'DOE^JOHN'",
        'invalid value "DOE" for tag',
        "bad /srv/DOE/x.nii and 's3://bucket/DOE/y'",
        r"cannot open C:\Users\DOE\scan.mat",
    ],
)
def test_foreign_texts_lose_paths_and_quoted_values(text):
    assert "DOE" not in scrubbed(text)


def test_a_staged_file_is_shown_by_role_and_hash_never_by_its_name(tmp_path):
    (tmp_path / "DOE_JOHN.1969.nii.gz").write_bytes(b"no image")
    ref = FileRef("image", "data", "DOE_JOHN.1969.nii.gz")
    staged = {}
    [file] = Inputs(open_store(tmp_path), {"data": str(tmp_path)}, tmp_path / "cache").files([ref], staged)
    for name in (str(file.path), file.path.name):
        shown = scrubbed(f"not a NIfTI ({name}): truncated", staged)
        assert "DOE" not in shown
        assert "JOHN" not in shown
        assert shown.startswith("not a NIfTI (image file ")
        assert shown.endswith(".nii.gz): truncated")


def test_numbers_and_units_stay():
    assert scrubbed("expected 512 x 512, got 3 1/mm; a/b") == "expected 512 x 512, got 3 1/mm; a/b"


def test_texts_are_bounded():
    assert len(scrubbed("x" * 10_000)) == 400


def test_a_traceback_names_places_and_causes_but_no_values():
    place = "/".join(("", "home", "doe", "x.dcm"))

    def inner(name):
        raise ValueError(f"bad name '{name}' in {place}")

    try:
        try:
            inner("DOE")
        except ValueError as error:
            raise InputError("unreadable", where=place) from error
    except InputError as error:
        text = traceback_text(error)
    assert "test_conclude.py" in text
    assert text.index("ValueError") < text.index("InputError")
    assert "in inner" in text
    assert place not in text
    assert "'DOE'" not in text


def test_a_verdict_travels():
    assert pickle.loads(pickle.dumps(conclude(ValueError("x")))).error_class == "ValueError"
