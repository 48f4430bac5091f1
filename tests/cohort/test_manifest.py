"""A manifest comes back as it went, is refused where it is wrong, and is the same bytes for the same content."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort.samples import cohort, files, rows
from scanmill.cohort import Cohort, parquet, schema
from scanmill.cohort.manifest import side_path
from scanmill.errors import InputError, ResourceError, SpecError


def test_what_is_written_is_read_again(tmp_path):
    one = cohort(5, KVP=[80.0, 100.0, 120.0, None, 140.0])
    one.write(tmp_path / "c.parquet")
    two = Cohort.open(tmp_path / "c.parquet")
    assert two.table.equals(one.table)
    assert two.digest == one.digest
    assert len(two) == 5
    assert two.row("a2")["KVP"] == 120.0
    assert [file["path"] for file in two.files_of("a3")] == ["a3.nii"]
    assert two.files_of("absent") == []
    assert dict(two.roots) == {"data": "/somewhere/data"}
    with pytest.raises(SpecError, match="no such row"):
        two.row("absent")


def test_equal_content_gives_equal_bytes_and_order_does_not_change_the_digest(tmp_path):
    cohort(4).write(tmp_path / "x" / "c.parquet")
    cohort(4).write(tmp_path / "y" / "c.parquet")
    for name in ("c.parquet", "c.files.parquet", "c.problems.parquet", "c.roots.json"):
        assert (tmp_path / "x" / name).read_bytes() == (tmp_path / "y" / name).read_bytes()
    turned = cohort(4).table.take([3, 1, 0, 2])
    chunked = pa.concat_tables([turned.slice(0, 1), turned.slice(1)])
    assert Cohort(chunked, files(chunked)).digest == cohort(4).digest
    assert cohort(4, KVP=[1.0, 2.0, 3.0, 4.0]).digest != cohort(4, KVP=[1.0, 2.0, 3.0, 4.5]).digest
    assert cohort(2, s=[["a", "b"], []]).digest != cohort(2, s=[["a"], ["b"]]).digest
    assert cohort(2, s=["ab", "c"]).digest != cohort(2, s=["a", "bc"]).digest
    assert cohort(2, s=[{"a": 1}, None]).digest != cohort(2, s=[{"a": None}, None]).digest


def test_where_keeps_rows_and_their_files(tmp_path):
    cohort(5).write(tmp_path / "c.parquet")
    chosen = Cohort.open(tmp_path / "c.parquet", where="bytes > 20 and patient_key = 'p1'")
    assert chosen.table["row_key"].to_pylist() == ["a2", "a3"]
    assert sorted(chosen.files["row_key"].to_pylist()) == ["a2", "a3"]


@pytest.mark.parametrize("column", sorted(schema.REQUIRED))
def test_a_missing_column_is_named(tmp_path, column):
    whole = cohort()
    with pytest.raises(SpecError, match=f"'{column}' is missing"):
        Cohort(whole.table.drop_columns([column]), whole.files).write(tmp_path / "c.parquet")


def test_wrong_rows_are_refused(tmp_path):
    for table, reason in (
        (rows(2).set_column(0, "row_key", pa.array(["a", "a"])), "not unique"),
        (rows(2).set_column(0, "row_key", pa.array(["a", None])), "no row key"),
        (rows(2).set_column(3, "bytes", pa.array(["1", "2"])), "another type"),
        (rows(2).append_column("card", pa.array(["", ""])), "twice"),
    ):
        with pytest.raises(SpecError, match=reason):
            Cohort(table, files(rows(2))).write(tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


def test_a_newer_schema_and_a_strange_table_are_refused(tmp_path):
    path = tmp_path / "c.parquet"
    cohort().write(path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({schema.SCHEMA_KEY: b"2"}), path)
    with pytest.raises(SpecError, match="newer Scanmill"):
        Cohort.open(path)
    pq.write_table(table.replace_schema_metadata({}), path)
    with pytest.raises(SpecError, match="no schema version"):
        Cohort.open(path)
    path.write_bytes(b"PAR1 not at all")
    with pytest.raises(SpecError, match="cannot be read"):
        Cohort.open(path)
    with pytest.raises(SpecError, match="no such table"):
        Cohort.open(tmp_path / "absent.parquet")


def test_a_side_table_of_another_cohort_is_refused(tmp_path):
    cohort(3).write(tmp_path / "c.parquet")
    cohort(4).write(tmp_path / "d.parquet")
    side_path(tmp_path / "d.parquet", "files").replace(side_path(tmp_path / "c.parquet", "files"))
    with pytest.raises(SpecError, match="not its own"):
        Cohort.open(tmp_path / "c.parquet")


def test_roots_move_by_environment_and_by_argument(tmp_path, monkeypatch):
    cohort(1).write(tmp_path / "c.parquet")
    assert (tmp_path / "c.roots.json").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("SCANMILL_ROOT_DATA", "s3://bucket/data/")
    moved = Cohort.open(tmp_path / "c.parquet")
    assert moved.uri(moved.files_of("a0")[0]) == "s3://bucket/data/a0.nii"
    given = Cohort.open(tmp_path / "c.parquet", roots={"data": "/elsewhere"})
    assert given.uri(given.files_of("a0")[0]) == "/elsewhere/a0.nii"
    (tmp_path / "c.roots.json").write_text(json.dumps(["no"]))
    with pytest.raises(SpecError, match="not names with URIs"):
        Cohort.open(tmp_path / "c.parquet")


@pytest.mark.parametrize("path", ["../a.nii", "/etc/passwd", "a/../../b", "..\\a"])
def test_a_file_outside_its_root_is_refused(path):
    with pytest.raises(InputError, match="leave its root"):
        cohort().uri({"row_key": "a", "root": "data", "path": path})
    with pytest.raises(SpecError, match="SCANMILL_ROOT_OTHER"):
        cohort().uri({"row_key": "a", "root": "other", "path": "a.nii"})


def write_on_a_full_disk(path):
    with parquet.atomic(path) as stream:
        stream.write(b"new")
        raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "c.parquet"
    parquet.write_bytes(path, b"old")
    with pytest.raises(ResourceError, match="disk is full"):
        write_on_a_full_disk(path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.parquet"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="storage fails"):
        parquet.write_bytes(tmp_path / "file" / "c.parquet", b"")
