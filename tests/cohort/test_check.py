"""A cohort is checked against its files and its rules."""

import hashlib
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cohort.samples import cohort
from scanmill.cohort.check import Rule, check_cohort, load_rules
from scanmill.errors import SpecError

RULES = """
rules:
  - {name: thin, sql: "SliceThickness <= 2.5"}
  - {name: soft_kernel, sql: "ConvolutionKernel like 'B%'", severity: warning}
"""


@pytest.fixture
def five(tmp_path):
    """Five rows whose files are there and whole."""
    columns = {
        "SliceThickness": pa.array([1.0, 2.5, 5.0, None, 1.0]),
        "ConvolutionKernel": pa.array(["B30f", "D", "B40f", "B30f", "B30f"]),
    }
    found = cohort(5, **columns)
    content = b"0123456789"
    for key in found.table["row_key"].to_pylist():
        (tmp_path / f"{key}.nii").write_bytes(content)
    digests = pa.array([hashlib.sha256(content).hexdigest()] * 5)
    files = found.files.set_column(found.files.column_names.index("sha256"), "sha256", digests)
    return replace(found, files=files, roots={"data": str(tmp_path)})


def test_rows_that_break_a_rule_or_do_not_say_are_listed(five, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    report = check_cohort(five, rules=tmp_path / "rules.yaml")
    found = [(d["row_key"], d["rule"], d["severity"]) for d in report.deviations.to_pylist()]
    assert found == [("a1", "soft_kernel", "warning"), ("a2", "thin", "error"), ("a3", "thin", "error")]
    assert (report.n_rows, report.n_files, report.n_rules, report.n_bytes) == (5, 5, 2, 50)
    report.write(tmp_path / "deviations.parquet")
    assert pq.read_table(tmp_path / "deviations.parquet").num_rows == 3


def test_files_that_are_gone_cut_or_changed_are_listed(five, tmp_path):
    assert check_cohort(five).in_order
    (tmp_path / "a0.nii").unlink()
    (tmp_path / "a1.nii").write_bytes(b"012345")
    (tmp_path / "a2.nii").write_bytes(b"01234567xx")
    (tmp_path / "a3.nii").unlink()
    (tmp_path / "a3.nii").symlink_to("/etc/hostname")
    seen = []
    report = check_cohort(five, progress=lambda *done: seen.append(done))
    told = {d["row_key"]: d["what"] for d in report.deviations.to_pylist()}
    assert set(told) == {"a0", "a1", "a2", "a3"}
    assert "no such file" in told["a0"]
    assert told["a1"] == "6 bytes instead of 10"
    assert told["a2"] == "the content has changed"
    assert set(report.deviations["rule"].to_pylist()) == {"files"}
    assert seen[-1] == (5, 5, 50)
    quick = check_cohort(five, digests=False)
    assert "a2" not in quick.deviations["row_key"].to_pylist()
    lost = check_cohort(replace(five, roots={}))
    assert set(lost.deviations["what"].to_pylist()) == {"its root is not known"}


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{name: a, sql: 'KVP > 1', colour: red}]",
        "rules: [{name: a}]",
        "rules: [{name: 'a b', sql: x}]",
        "rules: [{name: a, sql: x}, {name: a, sql: y}]",
        "rules: [{name: files, sql: x}]",
        "[1, 2]",
        "rules: [",
        "!!python/object/apply:os.system ['true']",
        "\x00",
    ],
)
def test_wrong_rules_are_refused(text, tmp_path):
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(SpecError):
        load_rules(tmp_path / "rules.yaml")


def test_a_rule_is_behind_the_same_door(five):
    for sql in ("getenv('HOME') is null", "true; select 1", "absent > 1"):
        with pytest.raises(SpecError):
            check_cohort(five, rules=[Rule(name="r", sql=sql)])
