"""A file that is not what it should be: its row fails with InputError, the others are done."""

import h5py
import numpy as np
import pytest
import scipy.io

from dicom_builder import classic_series, oblique, stored_values, uid
from raw_scans import scan_arrays

BAD = "parallel-full-2"


def card_for(ending):
    return {
        "name": "raw",
        "rows": {"files": f"{{name}}.{ending}", "key": "{name}"},
        "roles": {
            "scan": {
                "kind": "projections",
                "array": "counts",
                "axes": ["view", "row", "column"],
                "quantity": "counts",
                "beam": "parallel",
                "length_unit": "mm",
                "column_spacing": "column_mm",
                "row_spacing": 1.0,
                "dark": "dark",
                "flat": "flat",
                "angles": {"values": "angles_deg", "unit": "deg"},
            }
        },
    }


def write_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, value in arrays.items():
            file[name] = value


def write_mat(path, arrays):
    scipy.io.savemat(path, arrays, do_compression=True)


def write_npz(path, arrays):
    np.savez(path, **arrays)


WRITERS = {"h5": write_hdf5, "mat": write_mat, "npz": write_npz}


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_truncated_file(tmp_path, build, run, assert_only_bad, ending, part):
    folder = tmp_path / "raw"
    folder.mkdir()
    for i in range(3):
        WRITERS[ending](folder / f"s{i}.{ending}", scan_arrays(seed=i))
    victim = folder / f"s1.{ending}"
    whole = victim.read_bytes()
    victim.write_bytes(whole[: int(len(whole) * part)])
    cohort = build(folder, card_for(ending))
    (problem,) = cohort.problems.to_pylist()
    assert problem["error_class"] == "InputError"
    assert problem["path"].endswith(f"s1.{ending}")
    rows, _ = run(cohort)
    assert_only_bad(rows, "p/s1", "InputError", says="(scan file ")


def test_a_truncated_dicom(tmp_path, build, run):
    (tmp_path / "dicom").mkdir()
    for name, seed in (("one", 1), ("two", 2)):
        grid = oblique((4, 8, 8), seed=seed)
        other = uid("bad input", name)

        def edit(dataset, number, other=other):
            dataset.SeriesInstanceUID = other

        classic_series(tmp_path / "dicom" / name, grid, stored_values(grid.shape, seed), edit=edit)
    files = sorted((tmp_path / "dicom" / "two").iterdir())
    files[2].write_bytes(files[2].read_bytes()[:-40])
    cohort = build(tmp_path / "dicom", None)
    assert "InputError" in cohort.problems["error_class"].to_pylist()
    (image,) = set(cohort.files["role"].to_pylist())
    rows, _ = run(cohort, [{"use": "save", "in": {"image": image}}])
    states = sorted((row["status"], row["error_class"] or "") for row in rows.values())
    assert states == [("done", ""), ("failed", "InputError")]


def test_a_sinogram_with_nan(scans, build, run, assert_only_bad):
    arrays = scan_arrays(seed=2)
    arrays["counts"][3, 0, 7] = np.nan
    np.savez(scans / f"{BAD}.npz", **arrays)
    rows, _ = run(build(scans))
    assert_only_bad(rows, f"p/{BAD}", "InputError", says="NaN")


@pytest.mark.parametrize("n_angles", [23, 25, 1])
def test_an_angle_list_of_the_wrong_length(scans, build, run, assert_only_bad, n_angles):
    np.savez(scans / f"{BAD}.npz", **{**scan_arrays(seed=2), "angles_deg": np.arange(n_angles, dtype=float)})
    rows, _ = run(build(scans))
    assert_only_bad(rows, f"p/{BAD}", "InputError", says="angles")


def test_a_file_without_the_array_of_its_card(scans, build, run, assert_only_bad):
    arrays = scan_arrays(seed=2)
    arrays["sinogram"] = arrays.pop("counts")
    np.savez(scans / f"{BAD}.npz", **arrays)
    rows, _ = run(build(scans))
    assert_only_bad(rows, f"p/{BAD}", "InputError", says="counts")


def test_a_card_of_another_scanner_fails_rows_and_does_not_guess(scans, build, run):
    card = card_for("npz")
    card["roles"]["scan"]["axes"] = ["column", "view"]
    cohort = build(scans, card)
    assert set(cohort.problems["error_class"].to_pylist()) == {"InputError"}
    rows, _ = run(cohort)
    assert {row["error_class"] for row in rows.values()} == {"InputError"}
    assert len(rows) == 4


def test_a_header_that_claims_a_volume_too_large_for_memory(scans, build, run, assert_only_bad):
    write_hdf5(scans / "big.h5", {"counts": np.zeros(1)})
    (scans / "big.h5").unlink()
    folder = scans.parent / "raw"
    folder.mkdir()
    for i in range(3):
        write_hdf5(folder / f"s{i}.h5", scan_arrays(seed=i))
    with h5py.File(folder / "s1.h5", "a") as file:
        del file["counts"]
        file.create_dataset("counts", (24, 40_000, 4_000_000), np.float32, chunks=(1, 64, 64))
    rows, _ = run(build(folder, card_for("h5")))
    assert_only_bad(rows, "p/s1", "InputError")


def test_a_file_that_changes_under_a_running_job(scans, build, run, assert_only_bad):
    cohort = build(scans)
    last = cohort.table["row_key"].to_pylist()[-1]

    class Meddler:
        def on_event(self, event):
            if event.kind == "stage_started":
                path = scans / f"{last.removeprefix('p/')}.npz"
                path.write_bytes(path.read_bytes()[:-1] + b"?")

        def on_end(self, summary):
            pass

    rows, _ = run(cohort, listeners=[Meddler()])
    assert_only_bad(rows, last, "InputError", says="changed since the cohort was frozen")


def test_a_manifest_that_is_replaced_under_a_running_job_changes_nothing(scans, build, run, tmp_path):
    cohort = build(scans)

    class Meddler:
        def on_event(self, event):
            if event.kind in {"run_started", "unit"}:
                cohort.select("row_key LIKE '%-0'").write(tmp_path / "cohort.parquet")

        def on_end(self, summary):
            pass

    rows, _ = run(cohort, listeners=[Meddler()])
    assert [row["status"] for row in rows.values()] == ["done"] * 4
