"""The report: everything about a run on one page that needs no other file and runs no script."""

import io
import json
import re

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from report_folder import long_folder
from scanmill.cohort.results import write_results
from scanmill.report import write_report


def png(value):
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


def cohort_table(n):
    return pa.table(
        {
            "row_key": [f"row-{i}" for i in range(n)],
            "patient_key": pa.nulls(n, pa.string()),
            "content_digest": ["0"] * n,
            "bytes": pa.array([1] * n, pa.int64()),
            "n_files": pa.array([1] * n, pa.int32()),
            "card": [""] * n,
            "contains_identity": [False] * n,
        }
    )


def done(i, psnr):
    picture = {"uri": f"artifacts/{i}.png", "sha256": "", "digest": "", "bytes": 99, "kind": "png"}
    seconds = {"seconds.read": 0.1, "seconds.ct.reconstruct": 1.0 + i}
    return {
        "row_key": f"row-{i}",
        "status": "done",
        "attempts": 1,
        "metric.psnr": psnr,
        "metric.volume": 1.0 - i * 2.0**-53,
        "output.image": picture,
        **seconds,
    }


@pytest.fixture
def page(tmp_path):
    (tmp_path / "run.json").write_text(
        json.dumps({"run_id": "r1", "name": "<demo>", "created_at": 0.0, "cohort": {"digest": "c" * 64}})
    )
    (tmp_path / "job.yaml").write_text("name: demo\n")
    (tmp_path / "stages" / "main").mkdir(parents=True)
    records = [done(i, psnr) for i, psnr in enumerate((31.0, 22.5, 28.0))]
    records += [
        {**done(4, 3.0), "status": "failed", "error_class": "InputError", "error": "<script>x"},
        {"row_key": "row-3", "status": "failed", "attempts": 1, "error_class": "InputError", "error": "<script>x"},
    ]
    write_results(tmp_path / "stages" / "main" / "results.parquet", cohort_table(6), records)
    told = {"status": "done", "seconds": 3.25, "drained": {"node/cpu:1": "it failed 3 rows"}}
    page, montage = write_report(tmp_path, lambda uri: png(200), told)
    with Image.open(montage) as picture:
        assert picture.size[0] > 3 * 8
    return page.read_text("utf-8")


def tile(page, state):
    return int(re.search(rf"<b>(\d+)</b>{state}", page)[1])


def test_the_counts_add_up_to_the_manifest(page):
    counts = {state: tile(page, state) for state in ("done", "failed", "quarantined", "cancelled", "waiting")}
    assert counts == {"done": 3, "failed": 2, "quarantined": 0, "cancelled": 0, "waiting": 1}
    assert sum(counts.values()) == tile(page, "rows")


def test_the_worst_row_stands_first(page):
    shown = re.findall(r'<div class="about"><b>(row-\d)</b>', page)
    assert shown == ["row-4", "row-1", "row-2", "row-0"]


def test_a_failed_row_with_a_picture_is_shown_before_the_good_ones(page):
    places = [page.index(text) for text in ("Failed rows with pictures", "image of row-4", "lowest psnr first")]
    assert places == sorted(places)
    assert 'of row-3"' not in page


def test_rows_that_failed_alike_are_one_line_and_nothing_is_executed(page):
    assert "&lt;script&gt;x" in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;x") == 1
    assert "&lt;demo&gt;" in page


def test_the_page_needs_no_other_file(page):
    assert page.count("data:image/png;base64,") >= 3
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_numbers_are_summed_up(page):
    assert re.search(r"<td>ct.reconstruct</td><td class=\"n\">4</td><td class=\"n\">2.5</td>", page)


def test_a_drained_device_is_named(page):
    assert "node/cpu:1" in page


def test_the_result_stands_before_what_led_to_it_and_reasons_are_counted_alike(tmp_path):
    folder, read_bytes = long_folder(tmp_path / "run")
    told = {"status": "done", "seconds": 100.0, "drained": {}}
    report, montage = write_report(folder, read_bytes, told)
    page = report.read_text("utf-8")
    first = page.index('alt="image_slices of')
    assert first < page.index('alt="difference of') < page.index('alt="sinogram of')
    assert page.count('<figure class="wide">') == 24
    assert "(16 more in results.parquet)" in page
    assert page.count('<b>InputError</b> <span class="soft">') == 26
    assert page.count("more reasons</summary>") == 1
    assert page.index("<dt>psnr</dt>") < page.index("<dt>a_metric_with_quite_a_long_name_indeed_mm</dt>")
    with Image.open(montage) as sheet:
        cell = np.asarray(sheet.convert("L"), float)[6:246, 6:246]
    assert cell[:60].max() < 30
    assert cell[110:130].mean() > 60
