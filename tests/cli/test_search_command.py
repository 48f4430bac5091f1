"""`scanmill search`: what shows the same is found, and what cannot be asked is said."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dicom_builder import classic_series, oblique
from raw_scans import scanmill
from scanmill.cli.answers import image_of
from scanmill.cohort import Cohort
from scanmill.cohort.identity import patient_key, site_secret
from scanmill.cohort.results import results_as_cohort
from scanmill.data import Labels, Volume
from scanmill.io.nifti import read_nifti, write_nifti
from scanmill.retrieval import Index
from scanmill.retrieval.entries import as_column
from scanmill.retrieval.entry_table import entry_table
from scanmill.steps.contract import Context, Row
from scanmill.steps.table import find_step


@pytest.fixture
def place(findable, monkeypatch, tmp_path):
    """The working folder is the place of the run; what is written goes to another one."""
    monkeypatch.chdir(findable)
    return tmp_path


def image_of_row(row_key):
    line = next(one for one in Index.open("live.index").entries().to_pylist() if one["row_key"] == row_key)
    return image_of(line, "runs")


def noisy_png(path, row_key, noise=0.02):
    plane = image_of_row(row_key).array[0].astype(np.float64)
    plane += np.random.default_rng(0).normal(0, noise * np.ptp(plane), plane.shape)
    Image.fromarray(np.rint(255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(path)
    return path


def asked(*words):
    found = scanmill("search", *words, "--json")
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.parametrize("number", range(6))
def test_a_noisy_slice_finds_its_own_series_first_and_its_like_second(place, number):
    path = noisy_png(place / "noisy.png", f"parallel-full-{number}")
    told = asked("live.index", path, "-k", 2)
    assert told["complete"]
    first, second = told["answers"]
    assert (first["row_key"], second["row_key"]) == (f"parallel-full-{number}", f"parallel-full-{(number + 3) % 6}")
    assert first["what"] == second["what"]


def test_filters_and_the_patient_guard(place):
    path = noisy_png(place / "noisy.png", "parallel-full-1")
    rows = [one["row_key"] for one in asked("live.index", path, "--where", "what <> 'head'")["answers"]]
    assert len(rows) == 4
    assert not {"parallel-full-1", "parallel-full-4"} & set(rows)
    guarded = asked("live.index", path, "--patient", "patient-1")["answers"]
    assert (len(guarded), guarded[0]["row_key"]) == (5, "parallel-full-4")
    own = asked("live.index", path, "--patient", "patient-1", "--same-patient")["answers"]
    assert own[0]["row_key"] == "parallel-full-1"


def test_a_table_a_montage_and_a_cohort(place):
    path = noisy_png(place / "noisy.png", "parallel-full-2")
    outputs = ("--montage", place / "found.png", "--save-cohort", place / "found.parquet")
    found = scanmill("search", "live.index", path, "-k", 20, *outputs)
    assert found.exit_code == 0, found.output
    assert "6 of 20 answers: the index has no more" in found.stdout
    with Image.open(place / "found.png") as picture:
        tile = np.asarray(picture.convert("L"))[10:240, 260:490]
    assert (picture.width, tile.std() > 10) == (6 * 246 + 6, True)
    cohort = Cohort.open(place / "found.parquet")
    assert cohort.table["row_key"].to_pylist()[0] == "parallel-full-2"
    assert cohort.table["score"].to_pylist() == sorted(cohort.table["score"].to_pylist(), reverse=True)
    assert scanmill("cohort", "check", place / "found.parquet").exit_code == 0
    away = scanmill("search", "live.index", path, "--montage", place / "empty.png", "--runs", place)
    assert "6 images away" in away.stdout
    nowhere = scanmill("search", "live.index", path, "--rerank", "--runs", place)
    assert "not re-ranked without their images: 6; runs are looked for in" in nowhere.stdout


def test_outputs_are_checked_before_anything_is_searched(place):
    path = noisy_png(place / "noisy.png", "parallel-full-2")
    deep = place / "new" / "folder" / "found.png"
    assert scanmill("search", "live.index", path, "--montage", deep).exit_code == 0
    assert deep.is_file()
    wrong = {
        ("--montage", place / "found.jpg"): "ends in .png",
        ("--montage", place): "ends in .png",
        ("--save-cohort", place / "found.csv"): "ends in .parquet",
        ("--label", "lesion"): "no --mask",
    }
    for words, told in wrong.items():
        found = scanmill("search", "live.index", path, *words)
        assert (found.exit_code, found.stdout) == (2, "")
        assert told in found.stderr
    away = scanmill("search", "live.index", path, "--save-cohort", place / "found.parquet", "--runs", place)
    assert (away.exit_code, "--runs says where" in away.stderr) == (2, True)


def test_every_row_of_a_cohort_is_asked_without_its_own_patient(place, findable):
    (run,) = [path for path in (findable / "runs").iterdir() if (path / "run.json").is_file()]
    results_as_cohort(run / "stages/images/results.parquet", str(run)).write(place / "images.parquet")
    told = asked("live.index", place / "images.parquet", "-k", 1)
    pairs = {(one["query"], one["row_key"]) for one in told["answers"]}
    assert pairs == {(f"parallel-full-{n}", f"parallel-full-{(n + 3) % 6}") for n in range(6)}
    refused = scanmill("search", "live.index", place / "images.parquet", "--slice", 0)
    assert "asked by its whole images" in refused.output
    found = scanmill("search", "live.index", place / "images.parquet", "-k", 1, "--montage", place / "found.png")
    assert found.exit_code == 0, found.output
    with Image.open(place / "found.png") as picture:
        assert (picture.width, picture.height) == (2 * 246 + 6, 6 * 266 + 6)  # a line of the sheet for each query


def with_changes(cohort, row_keys):
    """The cohort as it is once the files of some rows have changed."""
    column = cohort.files.column_names.index("sha256")
    pairs = zip(cohort.files["row_key"].to_pylist(), cohort.files["sha256"].to_pylist(), strict=True)
    digests = pa.array(["0" * 64 if key in row_keys else digest for key, digest in pairs])
    return replace(cohort, files=cohort.files.set_column(column, "sha256", digests))


def test_rows_that_cannot_ask_are_named_and_the_others_ask(place, findable):
    (run,) = [path for path in (findable / "runs").iterdir() if (path / "run.json").is_file()]
    cohort = results_as_cohort(run / "stages/images/results.parquet", str(run))
    with_changes(cohort, {"parallel-full-2"}).write(place / "images.parquet")
    told = asked("live.index", place / "images.parquet", "-k", 1)
    assert {one["query"] for one in told["answers"]} == {f"parallel-full-{n}" for n in range(6) if n != 2}
    assert list(told["not_asked"]) == ["parallel-full-2"]
    words = scanmill("search", "live.index", place / "images.parquet", "-k", 1).stdout
    assert "1 row not asked" in words
    with_changes(cohort, set(cohort.table["row_key"].to_pylist())).write(place / "images.parquet")
    refused = scanmill("search", "live.index", place / "images.parquet", "-k", 1)
    assert (refused.exit_code, "no row of the cohort can ask" in refused.stderr) == (3, True)


@pytest.fixture
def regions(place):
    """An index of slices and regions of three volumes with a bright box in each, and the first volume's files."""
    embed = find_step("embed")
    grid = oblique((6, 40, 40), seed=2, spacing=(1.0, 1.0, 2.0))
    index = Index.create(place / "regions.index", embed.params().found())
    for number in range(3):
        rng = np.random.default_rng(number)
        voxels, mask = rng.normal(100, 10, grid.shape), np.zeros(grid.shape, np.uint8)
        mask[2:4, 8:20, 10 + number : 22 + number] = 1
        stripes = np.sin(np.arange(40) * (0.6 + 0.6 * number))
        voxels += 60 * mask * stripes
        image, labels = Volume(voxels.astype(np.float32), grid), Labels(mask, grid, {1: "lesion"})
        ctx = Context((Row("r", {}),), place)
        entries = embed.run({"image": image, "labels": (labels,)}, embed.params(), ctx).values["entries"]
        index.add(entry_table(entries, pa.table({"n": [number]}), row_key=f"r{number}", stage="s", output="entries"))
        write_nifti(place / f"image{number}.nii.gz", image)
        write_nifti(place / f"mask{number}.nii.gz", labels)
    classic_series(place / "dicom", grid, np.rint(read_nifti(place / "image1.nii.gz").array).astype(np.int16))
    return place


@pytest.mark.parametrize("number", range(3))
def test_a_box_or_a_mask_finds_its_own_region(regions, number):
    image = regions / f"image{number}.nii.gz"
    box = f"{10 + number},8,2,12,12,2"
    mask = ("--mask", regions / f"mask{number}.nii.gz")
    for words in (("--region", box), mask, (*mask, "--label", "1")):
        first = asked(regions / "regions.index", image, *words)["answers"][0]
        assert (first["row_key"], first["kind"], first["shows"]) == (f"r{number}", "region", f"region lesion {box}")


def test_a_dicom_series_a_slice_of_it_and_one_of_its_files(regions):
    index = regions / "regions.index"
    whole = asked(index, regions / "dicom")["answers"][0]
    assert (whole["row_key"], whole["shows"]) == ("r1", "series")
    plane = asked(index, regions / "dicom", "--slice", 3)["answers"][0]
    assert (plane["row_key"], plane["shows"]) == ("r1", "slice 3")
    several = asked(index, regions / "dicom", "--slice", 3, "--every-entry", "-k", 4)["answers"]
    assert len(several) == 4
    single = asked(index, sorted((regions / "dicom").iterdir())[0])["answers"][0]
    assert (single["row_key"], single["kind"]) == ("r1", "slice")


def test_a_dicom_image_does_not_find_its_own_patient(regions, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of thirty-two characters")
    index = Index.open(regions / "regions.index")
    table = index.entries("row_key = 'r1'")
    key = patient_key(site_secret(), "MRN-4711")
    own = table.set_column(table.column_names.index("patient_key"), "patient_key", pa.repeat(key, len(table)))
    index.update(own.append_column("vector", as_column(index.vectors(table["image_id"].to_pylist()))))
    told = asked(regions / "regions.index", regions / "dicom", "--montage", regions / "found.png")
    assert {one["row_key"] for one in told["answers"]} == {"r0", "r2"}
    assert told["notes"] == [
        "2 of 10 answers: the index has no more that may answer (of 24 entries)",
        "the patient's own images are left out; --same-patient lets them answer",
        "2 images away: their jobs have saved none (`save`)",
    ]
    found = asked(regions / "regions.index", regions / "dicom", "--same-patient")["answers"]
    assert (found[0]["row_key"], len(found)) == ("r1", 3)


def test_what_cannot_be_asked_is_said(regions, place, findable):
    index, image = regions / "regions.index", regions / "image0.nii.gz"
    Index.create(place / "empty.index", find_step("embed").params().found())
    (place / "text.png").write_text("no picture")
    (place / "notes.txt").write_text("no image")
    (place / "nothing").mkdir()
    other = Labels(np.ones((2, 40, 40), np.uint8), oblique((2, 40, 40), seed=5))
    write_nifti(place / "other.nii.gz", other)
    grid, marks = read_nifti(image).geometry, np.zeros((6, 40, 40), np.uint8)
    write_nifti(place / "blank.nii.gz", Labels(marks.copy(), grid))
    marks[2, 3:9, 3:9], marks[3, 3:9, 3:9] = 1, 2
    write_nifti(place / "two.nii.gz", Labels(marks, grid))
    dicom = sorted((regions / "dicom").iterdir())[0]
    wrong = {
        (index, place / "text.png"): (3, "not a readable PNG"),
        (index, place / "notes.txt"): (3, "no image that is read"),
        (index, place / "nothing"): (3, "no DICOM file"),
        (index, place): (3, "choose the folder of one series"),
        (index, image, "--region", "30,30,0,20,20,1"): (3, "outside the image"),
        (index, image, "--region", "1,2,3"): (3, "no box"),
        (index, image, "--mask", place / "other.nii.gz"): (3, "another grid"),
        (index, image, "--region", "-3,0,0,5,5,1"): (3, "within 40,40,6 voxels, got -3,0,0,5,5,1"),
        (index, image, "--region", "0,0,0,0,5,1"): (3, "size w,h,d of 1 or more"),
        (index, image, "--region", ""): (3, "one box is wanted"),
        (index, image, "--region", "0,0,0,1,1,1"): (3, "the region shows nothing"),
        (index, image, "--mask", dicom): (3, "marks no regions"),
        (index, image, "--mask", place / "text.png"): (3, "marks no regions"),
        (index, image, "--mask", place / "blank.nii.gz"): (3, "the mask marks nothing"),
        (index, image, "--mask", place / "two.nii.gz"): (3, "got 1, 2; choose one with --label"),
        (index, image, "--mask", regions / "mask0.nii.gz", "--label", "liver"): (3, "expected 1, got liver"),
        (index, image, "--slice", "6"): (3, "no such slice"),
        (index, image, "--slice", "1", "--region", "0,0,0,9,9,1"): (2, "one of --region"),
        (index, image, "--where", "colour = 'red'"): (2, "expected image_id, row_key"),
        (index, image, "--where", "modality = CT"): (2, "a text stands in single quotes: 'CT'"),
        (index, image, "--where", "1 = 1; COPY (SELECT 1) TO 'x'"): (2, "anything but one condition is not allowed"),
        (index, image, "--where", "n IN (SELECT 1)"): (2, "SpecError"),
        (index, image, "--kind", "study"): (2, "unknown kind"),
        (place / "empty.index", image): (2, "the index is empty"),
        (place / "nothing", image): (2, "no index here"),
        ("live.index", place / "c.parquet", "--region", "1,2,3,4,5,6"): (2, "exist"),
    }
    for words, (code, told) in wrong.items():
        found = scanmill("search", *words)
        assert (found.exit_code, told in " ".join(found.output.split())) == (code, True), (words, found.output)


def test_shards_answer_as_one_and_say_when_one_is_away(place):
    path = noisy_png(place / "noisy.png", "parallel-full-0")
    assert scanmill("index", "split", "live.index", place / "shards", "-n", 3).exit_code == 0
    ours, theirs = (asked(folder, path)["answers"] for folder in (place / "shards", "live.index"))
    assert [one["image_id"] for one in ours] == [one["image_id"] for one in theirs]
    np.testing.assert_allclose([one["score"] for one in ours], [one["score"] for one in theirs], atol=1e-5)
    away = next(shard for shard in sorted((place / "shards").iterdir()) if len(Index.open(shard)))
    gone = set(Index.open(away).entries()["row_key"].to_pylist())
    for hidden, why in ((away / "index.json", "no index here"), (away, "the folder is not there")):
        hidden.rename(place / "hidden")
        told = asked(place / "shards", path)
        assert told["complete"] is False
        assert why in told["away"][away.name]
        assert {one["row_key"] for one in told["answers"]} == {f"parallel-full-{n}" for n in range(6)} - gone
        words = scanmill("search", place / "shards", path).stdout
        assert "partial: 1 of 3 shards away" in words
        assert f"{away.name}: " in words
        (place / "hidden").rename(hidden)
    assert asked(place / "shards", path)["complete"]
    for shard in (place / "shards").iterdir():
        (shard / "index.json").unlink()
    assert scanmill("search", place / "shards", path).exit_code == 4
    away.rename(place / "shards" / "shard-007-of-009")
    assert "different splits" in scanmill("search", place / "shards", path).output


def test_local_matching_orders_the_answers_anew(place):
    path = noisy_png(place / "noisy.png", "parallel-full-1", noise=0.0)
    plain, matched = asked("live.index", path), asked("live.index", path, "--rerank")
    assert {one["row_key"] for one in plain["answers"]} == {one["row_key"] for one in matched["answers"]}
    assert [one["rank"] for one in matched["answers"]] == [1, 2, 3, 4, 5, 6]
    assert matched["answers"][0]["row_key"] == "parallel-full-1"
    away = asked("live.index", path, "--rerank", "--runs", place)
    assert [one["row_key"] for one in away["answers"]] == [one["row_key"] for one in plain["answers"]]
