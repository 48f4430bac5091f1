"""The summary counts what is there."""

from dataclasses import replace

import pyarrow as pa

from cohort.samples import cohort
from scanmill.cohort import schema
from scanmill.cohort.show import summarise


def test_a_summary_counts_rows_patients_files_and_ranges():
    found = cohort(
        5, Modality=pa.array(["CT", "CT", "MR", None, "CT"]), n_views=pa.array([60, None, 181, None, None], pa.int64())
    )
    problems = pa.Table.from_pylist(
        [{"root": "data", "path": "x.dcm", "error_class": "InputError", "problem": "truncated"}], schema=schema.PROBLEMS
    )
    summary = summarise(replace(found, problems=problems))
    assert (summary.n_rows, summary.n_patients, summary.n_files, summary.bytes) == (5, 3, 5, 150)
    assert summary.counts == {"Modality": {"CT": 3, "MR": 1}}
    assert summary.ranges == {"n_views": (60, 181)}
    assert summary.identity == {"without": 5}
    assert summary.problems == {"InputError": 1}
    lines = dict(summary.lines())
    assert lines["Modality"] == "3 CT, 1 MR"
    assert lines["n_views"] == "60 to 181"
    assert lines["files"] == "5 (150 B)"


def test_an_empty_cohort_has_a_summary():
    summary = summarise(cohort(0))
    assert summary.n_rows == 0
    assert dict(summary.lines())["problems"] == "none"
