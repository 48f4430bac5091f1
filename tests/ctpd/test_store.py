"""A converted scan equals its files, view by view; it is written whole or not at all."""

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from ctpd.writer import write_scan
from scanmill.errors import InputError, ResourceError, SpecError
from scanmill.io.ctpd_scan import open_ctpd
from scanmill.io.ctpd_store import PROJECTIONS, VIEWS, convert, open_folder
from scanmill.phantoms.random_phantom import random_phantom

SMALL = {"n_rows": 4, "n_columns": 12, "views_per_turn": 16, "turns": 1.5, "ffs": "FFSXYZ", "photons": 1e4}


@pytest.fixture
def paths(tmp_path):
    return write_scan(tmp_path / "DOE^JANE", random_phantom(3, radius_mm=120.0), **SMALL)


def test_the_store_equals_the_files(tmp_path, paths):
    files = open_ctpd(sorted(paths))
    convert(files, tmp_path / "store", keys={"patient": "ab12"})
    store = open_folder(tmp_path / "store")
    a, b = files.projections(), store.projections()
    np.testing.assert_array_equal(a.array, b.array)
    np.testing.assert_array_equal(a.photons, b.photons)
    assert a.geometry.is_close(b.geometry, 0.0)
    assert (b.water_attenuation, store.warnings) == (a.water_attenuation, files.warnings)
    part = store.projections(slice(5, 9))
    np.testing.assert_array_equal(part.array, a.array[5:9])
    np.testing.assert_array_equal(open_folder(paths[0].parent).projections().array, a.array)


def test_the_same_scan_gives_the_same_bytes_and_nothing_of_a_person(tmp_path, paths):
    for name in ("one", "two"):
        convert(open_ctpd(sorted(paths, reverse=name == "two")), tmp_path / name)
    for part in (PROJECTIONS, VIEWS):
        data = (tmp_path / "one" / part).read_bytes()
        assert data == (tmp_path / "two" / part).read_bytes()
        assert b"LDCT-001" not in data
        assert b"DOE" not in data
        assert b"1.2.826" not in data
    views = pq.read_table(tmp_path / "one" / VIEWS)
    assert views.num_rows == 24
    assert len(set(views["sha256"].to_pylist())) == 24
    with h5py.File(tmp_path / "one" / PROJECTIONS) as file:
        assert file["raw"].chunks[1:] == (4, 12)


def test_what_is_there_is_not_overwritten(tmp_path, paths):
    scan = open_ctpd(paths)
    convert(scan, tmp_path / "store")
    before = (tmp_path / "store" / VIEWS).read_bytes()
    with pytest.raises(SpecError, match="the output exists already: got store"):
        convert(scan, tmp_path / "store")
    assert (tmp_path / "store" / VIEWS).read_bytes() == before
    with pytest.raises(SpecError, match="only a scan of DICOM files"):
        convert(open_folder(tmp_path / "store"), tmp_path / "again")


def test_a_conversion_that_fails_leaves_nothing(tmp_path, paths):
    scan = open_ctpd(paths)
    paths[20].unlink()
    with pytest.raises((InputError, ResourceError)):
        convert(scan, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["DOE^JANE"]


def test_a_damaged_store_is_refused(tmp_path, paths):
    convert(open_ctpd(paths), tmp_path / "store")
    with h5py.File(tmp_path / "store" / PROJECTIONS, "r+") as file:
        del file["raw"]
        file["raw"] = np.zeros((24, 4, 11), "<u2")
    with pytest.raises(InputError, match="the array does not fit its table"):
        open_folder(tmp_path / "store").projections()
    (tmp_path / "store" / PROJECTIONS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        open_folder(tmp_path / "store").projections()
    (tmp_path / "store" / VIEWS).write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable Parquet table of a CT-PD store"):
        open_folder(tmp_path / "store")
    pq.write_table(pq.read_table(paths_table(tmp_path)), tmp_path / "store" / VIEWS)
    with pytest.raises(InputError, match="not a readable Parquet table of a CT-PD store"):
        open_folder(tmp_path / "store")


def paths_table(folder):
    import pyarrow as pa

    path = folder / "other.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    return path


def test_an_empty_folder_says_what_is_wanted(tmp_path):
    with pytest.raises(InputError, match="no DICOM-CT-PD files in this folder"):
        open_folder(tmp_path)


def test_a_table_that_was_changed_is_checked_like_a_scan(tmp_path, paths):
    convert(open_ctpd(paths), tmp_path / "store")
    table = pq.read_table(tmp_path / "store" / VIEWS)
    name = "DetectorFocalCenterAngularPosition"
    for bad, says in ((np.nan, f"{name} is not finite"), (1.0, "the angle does not grow evenly")):
        angles = table[name].to_numpy().copy()
        angles[7] = bad
        changed = table.set_column(table.column_names.index(name), name, [angles])
        pq.write_table(changed, tmp_path / "store" / VIEWS)
        with pytest.raises(InputError, match=says):
            open_folder(tmp_path / "store")
