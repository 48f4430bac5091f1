"""Clinical data are joined without losing, doubling or guessing a row, and without letting identity in."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.samples import cohort
from scanmill.cohort import Cohort
from scanmill.cohort.join import join_columns, join_table
from scanmill.cohort.protected import PROTECTED, read_protected, write_protected
from scanmill.errors import SpecError


@pytest.fixture
def path(tmp_path):
    """A cohort of four rows of three patients, with its protected table."""
    cohort(4).write(tmp_path / "c.parquet")
    people = ["007", "007", "Ä 8", "9"]
    rows = [{"row_key": f"a{i}", "PatientID": person} for i, person in enumerate(people)]
    write_protected(tmp_path / "c.parquet", pa.Table.from_pylist(rows[::-1], schema=PROTECTED))
    return tmp_path / "c.parquet"


def join(path, text, on, name="j.parquet"):
    csv = path.with_name("clinical.csv")
    csv.write_text(text, encoding="utf-8")
    report = join_table(path, csv, on=on, out=path.with_name(name))
    return report, Cohort.open(path.with_name(name))


def test_on_a_column_every_row_stays(path):
    report, joined = join(path, "row_key,age,stage\na1,61,II\na3, 70 ,\nzz,1,I\n", "row_key")
    assert joined.table["row_key"].to_pylist() == ["a0", "a1", "a2", "a3"]
    assert joined.table["age"].to_pylist() == [None, 61, None, 70]
    assert joined.table["stage"].to_pylist() == [None, "II", None, None]
    assert (report.n_rows, report.n_matched, report.n_unmatched, report.n_unused_lines) == (4, 2, 2, 1)
    assert joined.select("age > 65").table["row_key"].to_pylist() == ["a3"]
    assert report.added == ("age", "stage")


def test_on_patient_id_the_identifier_stays_outside(path):
    text = "PatientID,grade,patient_name,PatientBirthDate\n007,3,Bond,1920\nÄ 8,4,Moneypenny,1921\n"
    report, joined = join(path, text, "PatientID")
    assert joined.table["grade"].to_pylist() == [3, 3, 4, None]
    assert report.left_out == ("patient_name", "PatientBirthDate")
    assert "PatientID" not in joined.table.column_names
    for file in ("j.parquet", "j.files.parquet"):
        assert b"Bond" not in path.with_name(file).read_bytes()
    assert b"007" not in repr(joined.table.to_pylist()).encode()
    assert read_protected(path.with_name("j.parquet")).num_rows == 4


def test_a_key_that_stands_twice_is_reported_not_guessed(path):
    report, joined = join(path, "row_key,age\na0,1\na1,2\na0,3\n,4\n,5\n", "row_key")
    assert joined.table["age"].to_pylist() == [None, 2, None, None]
    assert report.duplicate_lines == (2, 4)
    assert report.n_unused_lines == 4


@pytest.mark.parametrize(
    ("text", "on", "reason"),
    [
        ("row_key,bytes\na0,1\n", "row_key", "stand in the cohort already"),
        ("row_key,kvp\na0,1\n", "row_key", "stand in the cohort already"),
        ("key,age\na0,1\n", "row_key", "'row_key' is missing"),
        ("row_kez,age\na0,1\n", "row_kez", "is it 'row_key'"),
        ("row_key,age,age\na0,1,2\n", "row_key", "each its own"),
        ("row_key,age\na0\n", "row_key", "equal lines"),
        ("", "row_key", "not a CSV"),
    ],
)
def test_wrong_tables_are_refused(path, text, on, reason):
    with pytest.raises(SpecError, match=reason):
        join(path, text, on)
    assert not path.with_name("j.parquet").exists()


def test_without_the_protected_table_there_is_no_join_on_patients(path):
    path.with_name("c.protected.parquet").unlink()
    with pytest.raises(SpecError, match="no such table"):
        join(path, "PatientID,age\n7,1\n", "PatientID")


KEYS = st.sampled_from(["a", "b", "c", "d", None])


@given(st.lists(KEYS, max_size=8), st.lists(KEYS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_join_is_what_a_dictionary_of_the_unambiguous_keys_says(mine, theirs):
    table = pa.table({"row_key": [str(i) for i in range(len(mine))]})
    clinical = pa.table({"k": pa.array(theirs, pa.string()), "v": pa.array(range(len(theirs)), pa.int64())})
    joined, report = join_columns(table, pa.chunked_array([pa.array(mine, pa.string())]), clinical, "k")
    clear = {key: value for value, key in enumerate(theirs) if key is not None and theirs.count(key) == 1}
    assert joined["v"].to_pylist() == [clear.get(key) for key in mine]
    assert report.n_matched == sum(key in clear for key in mine)
    assert report.n_unused_lines == len(theirs) - len(set(clear) & set(mine))
