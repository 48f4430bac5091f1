"""Data cards: what they promise of real and made scans, and what they refuse."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from scanmill.errors import InputError, SpecError
from scanmill.geometry import ScanGeometry
from scanmill.io.card import MAX_CARD_BYTES, Card, load_card, parse_card

N_VIEWS, N_ROWS, N_COLUMNS = 6, 2, 5
SCAN = np.random.default_rng(2).uniform(1, 2, (N_VIEWS, N_ROWS, N_COLUMNS)).astype(np.float32)

CONE = """
name: mine
rows:
  files: "{patient}/scan_{dose}.npz"
  key: "{patient}-{dose}"
  fields: {dose: int}
columns: {Modality: CT, group: "dose {dose}"}
roles:
  scan:
    kind: projections
    array: counts
    axes: [-column, view, row]
    quantity: counts
    beam: cone
    length_unit: cm
    column_spacing: 0.1
    row_spacing: pitch
    source_to_isocenter: 50
    source_to_detector: 100
    axis_column: 1.5
    angles: {values: {start: 0.0, step: 0.25}, unit: rad, sign: -1, offset: 0.5}
    dark: 3
    flat: {file: open_beam.npy}
    photons: 10000
  truth:
    kind: volume
    file: truth.tif
    optional: true
    axes: [-z, y, x]
    spacing: [1, 2, 3]
    unit: 1/mm
"""


def write_cone(folder: Path, patient: str = "p1", scan: np.ndarray = SCAN) -> Path:
    """A row as the card above tells it: (column reversed, view, row)."""
    (folder / patient).mkdir(parents=True)
    np.savez(folder / patient / "scan_7.npz", counts=scan.transpose(2, 0, 1)[::-1], pitch=0.2)
    np.save(folder / patient / "open_beam.npy", np.stack([SCAN[0].T[::-1] - 1, SCAN[0].T[::-1] + 1], axis=1))
    tifffile.imwrite(
        folder / patient / "truth.tif", np.arange(24, dtype=np.float32).reshape(2, 3, 4), photometric="minisblack"
    )
    return folder


def files_of(card: Card, root: Path, role: str, number: int = 0) -> dict[str, Path]:
    return {path: root / path for path in card.rows(root)[number].files[role]}


def changed(text: str, **changes: object) -> Card:
    fields = yaml.safe_load(text)
    fields["roles"]["scan"] |= changes
    return parse_card(yaml.safe_dump(fields))


def test_axes_units_fields_and_geometry_come_out_in_our_convention(tmp_path):
    card, root = parse_card(CONE), write_cone(tmp_path)
    scan = card.read("scan", files_of(card, root, "scan"))
    np.testing.assert_array_equal(scan.array, SCAN)
    np.testing.assert_allclose(scan.flat, SCAN[0], rtol=1e-6)
    assert (scan.dark == 3).all()
    assert (scan.quantity, scan.photons) == ("counts", 10000)
    angles = 0.5 - 0.25 * np.arange(N_VIEWS)
    ours = ScanGeometry.cone(
        angles, N_COLUMNS, 1.0, n_rows=N_ROWS, row_spacing=2.0, source_to_isocenter=500, source_to_detector=1000,
        axis_column=N_COLUMNS - 1 - 1.5,
    )  # fmt: skip
    assert scan.geometry.is_close(ours)


def test_volumes_have_their_axes_and_grid(tmp_path):
    card, root = parse_card(CONE), write_cone(tmp_path)
    truth = card.read("truth", files_of(card, root, "truth"))
    np.testing.assert_array_equal(truth.array, np.arange(24).reshape(2, 3, 4)[::-1])
    assert truth.geometry.spacing == (1, 2, 3)
    assert truth.geometry.origin == (-1.5, -2, -1.5)
    assert truth.unit == "1/mm"


def test_rows_have_keys_columns_and_files(tmp_path):
    card, root = parse_card(CONE), write_cone(tmp_path)
    write_cone(tmp_path, "p0")
    (tmp_path / "p0" / "truth.tif").unlink()
    first, second = card.rows(root)
    assert (first.row_key, second.row_key) == ("p0-7", "p1-7")
    assert "truth" not in first.files
    assert second.files["scan"] == ("p1/scan_7.npz", "p1/open_beam.npy")
    assert second.columns == {
        "patient": "p1", "dose": 7, "Modality": "CT", "group": "dose 7", "beam": "cone",
        "n_views": 6, "n_rows": 2, "n_columns": 5,
        "angle_start_deg": 0.0, "angle_range_deg": pytest.approx(np.degrees(1.25)),
    }  # fmt: skip


def test_a_corrupt_file_stays_a_row_with_a_problem(tmp_path):
    card, root = parse_card(CONE), write_cone(tmp_path)
    (tmp_path / "p1" / "scan_7.npz").write_bytes((tmp_path / "p1" / "scan_7.npz").read_bytes()[:200])
    (row,) = card.rows(root)
    assert row.row_key == "p1-7"
    assert "truncated" in row.problem
    assert str(tmp_path) not in row.problem
    assert row.columns["dose"] == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"angles": {"values": [0, 1, 2]}}, "wrong number of angles.*expected 6, got 3"),
        ({"axes": ["column", "row", "view"]}, "spacing|does not fit|wrong number"),
        ({"axes": ["view", "column"]}, "axes do not fit"),
        ({"array": "nothing"}, "there is no 'nothing'.*counts, pitch"),
        ({"row_spacing": "counts"}, "row_spacing must be one finite number"),
        ({"row_spacing": -1}, "positive"),
        ({"source_to_isocenter": 200}, "behind the isocentre"),
        ({"beam": "{dose}"}, "unknown beam"),
        ({"flat": {"file": "nowhere.npy"}}, "nowhere.npy"),
        ({"flat": "pitch"}, "do not fit"),
        ({"angles": {"values": {"start": 0, "step": 1, "count": 5}}}, "wrong number of angles"),
    ],
)
def test_a_card_that_does_not_fit_is_bad_input_of_its_row(tmp_path, changes, message):
    card, root = changed(CONE, **changes), write_cone(tmp_path)
    with pytest.raises(InputError, match=message):
        card.read("scan", {name: root / "p1" / Path(name).name for name in ("p1/scan_7.npz", "p1/open_beam.npy")})
    assert len(card.rows(root)) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sinogram_that_is_not_finite_is_refused(tmp_path, bad):
    scan = SCAN.copy()
    scan[3, 1, 2] = bad
    card, root = parse_card(CONE), write_cone(tmp_path, scan=scan)
    with pytest.raises(InputError, match=r"must be finite.*1 of them, first at \(3, 1, 2\)"):
        card.read("scan", files_of(card, root, "scan"))


def test_stacks_of_pages_come_in_natural_order(tmp_path):
    for view in range(12):
        tifffile.imwrite(tmp_path / f"s_{view}.tif", np.full((2, 5), view, np.uint16))
    np.savetxt(tmp_path / "angles.txt", np.arange(12) * 15.0)
    card = parse_card("""
name: pages
rows: {files: "{scan}_*.tif", key: "{scan}"}
roles:
  scan: {kind: projections, stack: true, beam: parallel, column_spacing: 1, angles: {values: {file: angles.txt}}}
""")
    (row,) = card.rows(tmp_path)
    assert (row.problem, row.columns["n_views"], row.columns["angle_range_deg"]) == ("", 12, 165)
    scan = card.read("scan", files_of(card, tmp_path, "scan"))
    assert scan.array[:, 0, 0].tolist() == list(range(12))


def test_masks_by_threshold(tmp_path):
    Image.fromarray((np.eye(4) * 200).astype(np.uint8)).save(tmp_path / "m_1.png")
    text = """
name: masks
rows: {files: "m_{n}.png", key: "{n}"}
roles: {truth: {kind: labels, axes: [y, x], spacing: [1, 1, 1], threshold: 127, names: {1: disc}}}
"""
    card = parse_card(text)
    labels = card.read("truth", files_of(card, tmp_path, "truth"))
    np.testing.assert_array_equal(labels.array[0], np.eye(4))
    assert labels.names == {1: "disc"}


def test_two_files_for_one_row_are_a_problem_and_links_stay_inside(tmp_path):
    root = write_cone(tmp_path / "root")
    write_cone(tmp_path / "root", "p2")
    same = parse_card(CONE.replace('key: "{patient}-{dose}"', 'key: "{dose}"'))
    (row,) = same.rows(root)
    assert "several files" in row.problem
    (root / "p2" / "scan_7.npz").unlink()
    write_cone(tmp_path / "outside")
    (root / "p2" / "scan_7.npz").symlink_to(tmp_path / "outside" / "p1" / "scan_7.npz")
    rows = parse_card(CONE).rows(root)
    assert ["leads out" in row.problem for row in rows] == [False, True]
    assert rows[1].files == {}


def test_the_canonical_text_round_trips():
    for card in (parse_card(CONE), load_card("htc2022"), load_card("tooth")):
        text = card.to_json()
        assert Card.from_json(text) == card
        assert Card.from_json(text).to_json() == text
        assert json.loads(text) == json.loads(json.dumps(json.loads(text), sort_keys=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not YAML"),
        ("", "the card is wrong"),
        ("name: a\nrows: {files: x, key: y}\nroles: {}", "roles"),
        (CONE + "\nextra: 1", "extra"),
        (CONE.replace("cone", "helical"), "beam"),
        (CONE.replace("column_spacing: 0.1", "column_spacing: .nan"), "column_spacing"),
        (CONE.replace("{patient}/scan", "../{patient}/scan"), "without `..`"),
        (CONE.replace("{patient}/scan", "/etc/{patient}/scan"), "relative path"),
        (CONE.replace("scan_{dose}", "*{dose}*{patient}*"), "at most 3"),
        (CONE.replace('key: "{patient}-{dose}"', 'key: "{name}"'), "name"),
        (CONE.replace("row_spacing: pitch", ""), "row_spacing"),
        (CONE.replace("[-column, view, row]", "[view, view, column]"), "each axis once"),
        (CONE.replace("Modality", "row_key"), "row_key"),
        ("a: &a [x]\nb: [*a, *a]", "aliases"),
        ("a: !!python/object/apply:os.system [id]", "not YAML"),
        ("[" * 20000, "nest"),
        ("#" * (MAX_CARD_BYTES + 1), "too large"),
    ],
)
def test_a_wrong_card_is_refused_before_the_start(text, message):
    with pytest.raises(SpecError, match=message):
        parse_card(text)


def test_an_unknown_card_names_the_catalogue(tmp_path):
    with pytest.raises(SpecError, match="htc2022"):
        load_card("htc2020")
    with pytest.raises(SpecError, match="cannot be read"):
        load_card(tmp_path / "none.yaml")


def test_a_hostile_name_is_matched_in_bounded_time(tmp_path):
    (tmp_path / ("a" * 250)).write_bytes(b"")
    card = parse_card(CONE.replace("{patient}/scan_{dose}.npz", "{patient}*{dose}b"))
    assert card.rows(tmp_path) == []


def test_htc2022_rows(data_folder):
    root = data_folder / "ct_sino_htc2022_ab"
    card = load_card("htc2022")
    rows = card.rows(root)
    assert [row.problem for row in rows] == [""] * 12
    tb = [row for row in rows if row.columns["specimen"] == "tb"]
    assert sorted(row.columns["angle_range_deg"] for row in tb) == [30, 30, 30, 40, 50, 60, 70, 80, 90]
    assert all("truth" in row.files for row in tb)
    version_73 = next(row for row in rows if row.row_key == "ta-subsample73")
    scan = card.read("scan", {path: root / path for path in version_73.files["scan"]})
    with h5py.File(root / "ta_subsample73.mat") as file:  # MATLAB's axes reversed: (column, view)
        stored = file["CtDataLimited/sinogram"][()]
    np.testing.assert_array_equal(scan.array[:, 0, ::-1], stored.T.astype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(scan.geometry.source, axis=1), 410.66)
    np.testing.assert_allclose(scan.geometry.column_spacing, 0.2)
    turned = np.angle(np.exp(1j * np.deg2rad(180 - np.arange(299, 329.5, 0.5))))
    np.testing.assert_allclose(scan.geometry.angles, turned, atol=1e-9)
    truth = card.read("truth", {path: root / path for path in version_73.files["truth"]})
    assert truth.geometry.shape == (1, 512, 512)
    assert truth.array.mean() == pytest.approx(0.5487, abs=1e-4)


def test_tooth_row(data_folder):
    root = data_folder / "ct_sino_tooth"
    card = load_card("tooth")
    (row,) = card.rows(root)
    assert row.columns["n_views"] == 181
    scan = card.read("scan", files_of(card, root, "scan"))
    with h5py.File(root / "tooth.h5") as file:
        np.testing.assert_allclose(scan.flat, file["exchange/data_white"][()].mean(0), rtol=1e-6)
        np.testing.assert_array_equal(scan.array, file["exchange/data"][()])


def test_voxels_of_unknown_size_are_a_millimetre_and_no_column(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(3, 4))
    text = """
name: pictures
rows: {files: "{name}.npy", key: "{name}"}
roles: {image: {kind: volume, axes: [y, x], length_unit: um, spacing: unknown}}
"""
    card = parse_card(text)
    [row] = card.rows(tmp_path)
    assert {name: row.columns[name] for name in ("size_z", "size_y", "size_x")} == {
        "size_z": 1, "size_y": 3, "size_x": 4
    }  # fmt: skip
    assert "spacing_x" not in row.columns
    assert card.read("image", {"a.npy": tmp_path / "a.npy"}).geometry.spacing == pytest.approx((1, 1, 1))
    assert "1 mm is assumed" in card.warning("image")
    assert Card.from_json(card.to_json()) == card
    assert parse_card(text.replace("unknown", "[1, 2, 3]")).warning("image") == ""
