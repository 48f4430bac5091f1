"""Raw MR files that are damaged or contradict themselves: their rows fail by the field's words, the others are done."""

import h5py
import ismrmrd
import numpy as np
import pytest

from ismrmrd_files import Writer, encoding
from scanmill.cohort import Cohort
from scanmill.cohort.build import build_cohort

N, FOV = 32, (160.0, 160.0, 5.0)
STEPS = (
    "mr.prepare",
    {"use": "mr.calibrate", "params": {"method": "walsh"}},
    {"use": "mr.reconstruct", "params": {"method": "cg-sense", "n_iterations": 3}},
    {"use": "save", "params": {"format": "npz", "picture": False}},
)
K = np.arange(N) - N // 2


def disc(ky):
    """A line of a smooth blob as two coils see it."""
    return np.array([[1.0], [0.7j]]) * np.exp(-((K / 6) ** 2) - (ky / 6) ** 2)


def write(path, *, lines=range(N), with_header=True, matrix=(N, N, 1), edit=None, **header):
    """A Cartesian scan by the ismrmrd package; ``edit(writer)`` adds what is wrong."""
    writer = Writer([encoding(matrix, FOV, **header)])
    for step in lines:
        writer.add(disc(step - N // 2), kspace_encode_step_1=step)
    if edit:
        edit(writer)
    return writer.write(path, with_header=with_header)


def nan_line(writer):
    writer.add(disc(0) * np.nan, kspace_encode_step_1=N // 2)


def other_coils(writer):
    writer.add(np.ones((3, N)), kspace_encode_step_1=0)


def noise_of_other_coils(writer):
    writer.add(np.ones((5, 64)), flags=[ismrmrd.ACQ_IS_NOISE_MEASUREMENT])


def spokes(path, *, reach):
    """Radial: points beyond half the matrix are of another unit, or of another matrix."""
    writer = Writer([encoding((N, N, 1), FOV, trajectory="radial")])
    for angle in np.linspace(0, np.pi, 16, endpoint=False):
        points = np.outer(K * reach, [np.cos(angle), np.sin(angle)])
        writer.add(disc(0), trajectory=points)
    return writer.write(path)


def fastmri(path, *, mask):
    header = Writer([encoding((N, N, 1), FOV)]).header()
    with h5py.File(path, "w") as file:
        file["kspace"] = np.ones((2, 2, N, N), np.complex64)
        file["mask"] = mask
        file["ismrmrd_header"] = ismrmrd.xsd.ToXML(header).encode()


FAULTS = {
    "missing-header": (lambda path: write(path, with_header=False), "no header"),
    "no-calibration-region": (lambda path: write(path, lines=range(1, N, 2)), "no calibration region"),
    "trajectory-outside": (lambda path: spokes(path, reach=1.3), "unit of the trajectory cannot be told"),
    "nan": (lambda path: write(path, edit=nan_line), "finite"),
    "coils-disagree": (lambda path: write(path, edit=other_coils), "coils"),
    "noise-coils-disagree": (lambda path: write(path, edit=noise_of_other_coils), "coils"),
    "matrix": (lambda path: write(path, matrix=(N, N // 2, 1)), "matrix"),
    "empty-mask": (lambda path: fastmri(path, mask=np.zeros(N)), "the mask is empty"),
}


def truncated(path, part):
    whole = write(path).read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])


def built(folder, tmp_path):
    build_cohort([folder], project="p", out=tmp_path / "cohort.parquet", workers=1)
    return Cohort.open(tmp_path / "cohort.parquet")


@pytest.mark.timeout(120)
def test_every_fault_fails_its_own_row_by_its_name(tmp_path, run):
    folder = tmp_path / "scans"
    folder.mkdir()
    write(folder / "good.h5")
    spokes(folder / "good-spokes.h5", reach=1.0)
    for name, (make, _) in FAULTS.items():
        make(folder / f"{name}.h5")
    for part in (0.05, 0.5, 0.95):
        truncated(folder / f"truncated-{part}.h5", part)
    cohort = built(folder, tmp_path)
    rows, _ = run(cohort, STEPS)
    assert len(rows) == 2 + len(FAULTS) + 3
    assert {key for key, row in rows.items() if row["status"] == "done"} == {"p/good", "p/good-spokes"}, rows
    for name, (_, words) in FAULTS.items():
        row = rows[f"p/{name}"]
        assert (row["status"], row["error_class"]) == ("failed", "InputError"), row
        assert words in row["error"], (name, row["error"])
    for part in (0.05, 0.5, 0.95):
        assert "not a readable HDF5 file" in rows[f"p/truncated-{part}"]["error"]


def test_siemens_raw_data_are_named_with_what_to_do(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    write(folder / "good.h5")
    (folder / "meas_MID1.dat").write_bytes((0).to_bytes(4, "little") + (2).to_bytes(4, "little") + bytes(1000))
    cohort = built(folder, tmp_path)
    (problem,) = cohort.problems.to_pylist()
    assert "siemens_to_ismrmrd" in problem["problem"]
    assert len(cohort) == 1


def test_of_several_measurements_each_is_a_row_and_none_is_guessed(tmp_path, run):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("day 1", "day 2"):
        writer = Writer([encoding((N, N, 1), FOV)])
        for step in range(N):
            writer.add(disc(step - N // 2), kspace_encode_step_1=step)
        writer.write(folder / "both.h5", name)
    cohort = built(folder, tmp_path)
    assert {row["measurement"] for row in cohort.table.to_pylist()} == {"day 1", "day 2"}
    rows, _ = run(cohort, STEPS)
    assert {row["status"] for row in rows.values()} == {"done"}
    chosen, _ = run(cohort, [{"use": "read", "params": {"measurement": "day 2"}}, *STEPS], out=tmp_path / "chosen")
    assert {row["status"] for row in chosen.values()} == {"done"}
    gone, _ = run(cohort, [{"use": "read", "params": {"measurement": "day 3"}}, *STEPS], out=tmp_path / "gone")
    for row in gone.values():
        assert row["error_class"] == "InputError"
        assert "day 1, day 2" in row["error"]
        assert "day 3" in row["error"]
