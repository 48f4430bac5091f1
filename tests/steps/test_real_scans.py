"""The issue's numbers on measured scans: the tooth against scikit-image, the discs against their true masks."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from skimage.transform import iradon

from scanmill.engine.spec import load_job
from scanmill.io.card import load_card
from scanmill.steps.contract import Context, InputFile, Row
from scanmill.steps.table import find_step

JOBS = Path(__file__).parents[2] / "jobs"


def read(card, root, rows):
    text = card.to_json()
    rows = tuple(
        Row(row.row_key, {**row.columns, "card": text},
            tuple(InputFile(role, root / p, p, reader="card") for role, ps in row.files.items() for p in ps))
        for row in rows
    )  # fmt: skip
    step = find_step("read")
    return dict(step.run({}, step.params(), Context(rows, Path())).values)


def perform(stage, values, ctx):
    """The compute steps of a job's stage, without the engine."""
    metrics = {}
    for spec in stage.steps:
        step = find_step(spec.use)
        if step.phase == "compute":
            inputs = {p: values[spec.into.get(p, p)] for p in step.reads if spec.into.get(p, p) in values}
            output = step.run(inputs, spec.resolved(), ctx)
            values |= {spec.out.get(port, port): value for port, value in output.values.items()}
            metrics |= output.metrics
    return metrics


def test_the_tooth_agrees_with_scikit_image_at_the_same_axis(data_folder):
    card, root = load_card("tooth"), data_folder / "ct_sino_tooth"
    values = read(card, root, card.rows(root))
    ctx = Context((), Path())
    prepare, reconstruct = find_step("ct.prepare"), find_step("ct.reconstruct")
    prepared = prepare.run(values, prepare.params(center="find"), ctx)
    axis = prepared.metrics["axis_column"]
    scan = prepared.values["scan"]
    image = reconstruct.run({"scan": scan}, reconstruct.params(method="fbp"), ctx).values["image"]
    columns = np.arange(640) - 320 + axis  # iradon's axis is column 320 of 640
    moved = np.stack([np.interp(columns, np.arange(640), view) for view in scan.array[:, 0]], axis=1)
    theirs = iradon(moved, theta=np.rad2deg(scan.geometry.angles), filter_name="ramp", circle=False, output_size=640)
    # iradon: x from column 320, y upwards from row 320; ours: the grid's middle lies between voxels 319 and 320
    y, x = np.mgrid[:640, :640] - 319.5
    theirs = map_coordinates(theirs, [320 - y, 320 + x], order=1)
    inside = x**2 + y**2 < 250**2
    correlation = np.corrcoef(image.array[0][inside], theirs[inside])[0, 1]
    slope = np.polyfit(theirs[inside], image.array[0][inside], 1)[0]
    assert 295.25 <= axis <= 296.25
    assert correlation > 0.97
    assert slope == pytest.approx(1, abs=0.03)


@pytest.mark.long
def test_the_merged_disc_meets_its_true_mask(data_folder):
    card, root = load_card("htc2022"), data_folder / "ct_sino_htc2022_ab"
    rows = [row for row in card.rows(root) if row.columns["specimen"] == "tb"]
    stage = load_job(JOBS / "ct_limited_angle.yaml").stages[1]
    metrics = perform(stage, read(card, root, rows), Context((), Path()))
    assert (metrics["n_views"], metrics["n_duplicate_views"]) == (549, 420)
    assert metrics["mcc"] >= 0.95


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_on_every_arc_tv_beats_fbp_and_more_views_help(data_folder):
    card, root = load_card("htc2022"), data_folder / "ct_sino_htc2022_ab"
    rows = [row for row in card.rows(root) if "truth" in row.files]
    stage = load_job(JOBS / "ct_limited_angle.yaml").stages[0]
    scores = {row.row_key: perform(stage, read(card, root, [row]), Context((), Path())) for row in rows}
    assert all(found["tv_mcc"] > found["fbp_mcc"] + 0.05 for found in scores.values())
    by_arc = [scores[f"tb-subsample_{arc}"]["tv_mcc"] for arc in (30, 50, 70, 90)]
    assert all(more > less for less, more in pairwise(by_arc))
