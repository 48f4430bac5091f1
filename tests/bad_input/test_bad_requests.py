"""A request that cannot be right is refused with SpecError before anything starts."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raw_scans import scan_arrays
from scanmill.cohort import Cohort
from scanmill.errors import SpecError

SAVE = {"use": "save", "in": {"image": "scan"}, "params": {"output": "scan", "format": "npz"}}


@pytest.mark.parametrize(
    ("steps", "stage", "says"),
    [
        (["ct.prepair", SAVE], {}, "did you mean ct.prepare"),
        ([{"ct.prepare": {"flor": 1}}, SAVE], {}, "floor"),
        (["ct.prepare", {**SAVE, "params": {"format": "bmp"}}], {}, "format"),
        (["ct.prepare", SAVE], {"kind": "groups", "by": ["patient"]}, "patient"),
        (["ct.prepare", SAVE], {"where": "views > 3"}, "views"),
        (["ct.prepare", SAVE], {"where": "n_views > 3); COPY rows TO '/tmp/x'; --"}, "SQL"),
        (["ct.prepare", SAVE], {"where": "n_views > (SELECT 1 FROM read_csv('/etc/passwd'))"}, ""),
        (["ct.reconstruct", {"use": "save", "in": {"image": "picture"}}], {}, "picture"),
        (["ct.prepare", SAVE], {"stpes": []}, "steps"),
        ([{"ct.reconstruct": {"size": [-1, 10]}}, "save"], {}, "parameter size.0 of"),
    ],
)
def test_it_is_refused_and_leaves_nothing_behind(scans, build, run, tmp_path, steps, stage, says):
    cohort = build(scans)
    with pytest.raises(SpecError) as refused:
        run(cohort, steps, stage=stage)
    assert says in str(refused.value)
    assert not list((tmp_path / "runs").glob("*/run.json"))


@pytest.mark.parametrize(
    "change",
    [
        {"roles": {"scan": {"kind": "projektions"}}},
        {"rows": {"files": "../{name}.npz", "key": "{name}"}},
        {"rows": {"files": "{name}.npz", "key": "{other}"}},
        {"nmae": "x"},
    ],
)
def test_a_wrong_card_is_refused_before_a_file_is_read(scans, build, tmp_path, change):
    from scanmill.io.card import load_card

    good = load_card("phantom").model_dump(mode="json", by_alias=True, exclude_none=True)
    with pytest.raises(SpecError):
        build(scans, {**good, **change})
    assert not (tmp_path / "cohort.parquet").exists()


@pytest.mark.parametrize("column", ["row_key", "content_digest", "card"])
def test_a_manifest_without_a_column(scans, build, tmp_path, column):
    build(scans)
    path = tmp_path / "cohort.parquet"
    table = pq.read_table(path)
    pq.write_table(table.drop_columns([column]), path)
    with pytest.raises(SpecError, match=column):
        Cohort.open(path)


def test_a_row_without_the_column_it_is_grouped_by_fails_and_the_groups_are_done(scans, build, run, assert_only_bad):
    for i in range(3):
        np.savez(scans / f"parallel-full-{i}.npz", **scan_arrays(seed=0))
    (scans / "parallel-full-3.npz").rename(scans / "parallel-low-3.npz")
    cohort = build(scans)
    groups = ["a" if "full" in key else None for key in cohort.table["row_key"].to_pylist()]
    cohort = cohort.with_table(cohort.table.append_column("visit", pa.array(groups)))
    rows, _ = run(cohort, ["ct.merge", "ct.prepare", SAVE], stage={"kind": "groups", "by": ["visit"]})
    assert rows["a"]["status"] == "done", rows["a"]["error"]
    assert_only_bad(rows, "p/parallel-low-3", "InputError", says="visit")
