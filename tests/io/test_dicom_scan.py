import hashlib
import hmac
import pickle

import pydicom
import pytest

from dicom_builder import NAME, classic_series, enhanced_file, oblique, stored_values
from scanmill.errors import InputError, SpecError
from scanmill.io.dicom_scan import group_series, read_file_facts
from scanmill.io.dicom_series import scan_series
from scanmill.io.identity import identifying_attributes, identity_of, pseudonym

GRID = oblique()
SECRETS = ("Doe", "Jane", "4711", "19500312", "Thorax Frau")


def renamed(series):
    def edit(dataset, _):
        dataset.SeriesInstanceUID = series

    return edit


def test_files_of_several_series_are_sorted_out(tmp_path):
    values = stored_values(GRID.shape)
    one = classic_series(tmp_path / "one", GRID, values, edit=renamed("1.2.1"))
    two = classic_series(tmp_path / "two", GRID, values, edit=renamed("1.2.2"))
    three = enhanced_file(tmp_path / "three.dcm", GRID, values)
    found = scan_series([path for pair in zip(one, two, strict=True) for path in pair] + [three])
    assert [(s.n_files, s.n_frames) for s in found] == [(6, 6), (6, 6), (1, 6)]
    assert all(s.geometry.is_close(GRID, 1e-4) and s.irregularity is None for s in found)
    assert found[0].n_bytes == sum(path.stat().st_size for path in one)
    assert {s.unit for s in found} == {"HU"}
    depths = [pydicom.dcmread(path).ImagePositionPatient for path in found[0].paths]
    assert [GRID.to_indices([float(v) for v in p])[2] for p in depths] == pytest.approx(range(6), abs=1e-3)


def test_an_irregular_series_is_a_fact_not_a_crash(tmp_path):
    paths = classic_series(tmp_path, GRID, stored_values(GRID.shape), shuffle=False)
    (facts,) = scan_series(paths[:2] + paths[3:])
    assert facts.geometry.is_close(GRID, 1e-4)
    assert "1 missing of 6" in facts.irregularity
    assert facts.missing_slices == 1
    assert facts.n_files == 5


def test_what_cannot_be_read_goes_to_the_problems(tmp_path):
    paths = classic_series(tmp_path, GRID, stored_values(GRID.shape))
    (tmp_path / "README").write_text("hello")
    paths[2].write_bytes(paths[2].read_bytes()[:-10])
    problems = []
    found = scan_series([*paths, tmp_path / "README"], on_problem=lambda path, error: problems.append((path, error)))
    assert [path.name for path, _ in problems] == [paths[2].name, "README"]
    assert [str(error).partition(" (")[0] for _, error in problems] == [
        "the file is truncated",
        "not a readable DICOM file",
    ]
    assert found[0].n_files == 5
    with pytest.raises(InputError, match="truncated"):
        scan_series(paths)


def test_the_public_facts_identify_nobody(tmp_path):
    (facts,) = scan_series(classic_series(tmp_path, GRID, stored_values(GRID.shape)))
    shown = repr(facts)
    assert not [word for word in (*SECRETS, facts.protected["SeriesInstanceUID"], "IM0") if word in shown]
    assert facts.attributes["PatientAge"] == "090Y"  # 93 in the file
    assert "SeriesDescription" not in facts.attributes
    assert facts.protected["PatientName"] == NAME
    assert facts.has_identity
    assert facts.identifying == ("PatientID", "PatientName", "PatientBirthDate", "SeriesDescription")


def removed(dataset, _):
    dataset.PatientIdentityRemoved = "YES"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Anonymous", "CASE-7", ""
    dataset.SeriesDescription = "Thorax"


@pytest.mark.parametrize(
    ("keyword", "value", "identifying"),
    [
        ("PatientBirthDate", "", ()),
        ("PatientBirthDate", "19500312", ("PatientBirthDate",)),
        ("BurnedInAnnotation", "YES", ("BurnedInAnnotation",)),
    ],
)
def test_a_deidentified_series_is_believed_unless_it_shows_otherwise(tmp_path, keyword, value, identifying):
    def edit(dataset, plane):
        removed(dataset, plane)
        setattr(dataset, keyword, value)

    (facts,) = scan_series(classic_series(tmp_path, GRID, stored_values(GRID.shape), edit=edit))
    assert facts.identifying == identifying
    assert facts.attributes["SeriesDescription"] == "Thorax"


def test_attributes_in_functional_groups_are_found(tmp_path):
    def edit(dataset):
        timing, echo = pydicom.Dataset(), pydicom.Dataset()
        timing.RepetitionTime, echo.EffectiveEchoTime = 1234.5, 5
        shared = dataset.SharedFunctionalGroupsSequence[0]
        shared.MRTimingAndRelatedParametersSequence = [timing]

    (facts,) = scan_series([enhanced_file(tmp_path / "a.dcm", GRID, stored_values(GRID.shape), edit=edit)])
    assert facts.attributes["RepetitionTime"] == 1234.5
    assert facts.attributes["SliceThickness"] == 1.0
    assert facts.attributes["PixelSpacing"] == pytest.approx((1.25, 0.7))


def test_facts_of_files_can_be_read_in_other_processes(tmp_path):
    paths = classic_series(tmp_path, GRID, stored_values(GRID.shape))
    files = pickle.loads(pickle.dumps([read_file_facts(path) for path in paths]))
    assert group_series(files) == scan_series(paths)


def test_real_headers(data_folder):
    (facts,) = scan_series([data_folder / "ct_syntaxes_cornerstone" / "CTImage.dcm"])
    assert facts.identifying[0] == "PatientID"  # the fictitious MISTER^CT
    assert "MISTER" not in repr(facts)
    assert facts.geometry.shape == (1, 512, 512)
    assert facts.attributes["Modality"] == "CT"


def test_a_pseudonym_is_the_first_half_of_an_hmac():
    secret = b"sixteen bytes or more"
    whole = hmac.new(secret, b"MRN-4711", hashlib.sha256).hexdigest()
    assert pseudonym(secret, "MRN-4711") == whole[:32]
    assert pseudonym(secret + b".", "MRN-4711") != whole[:32]
    with pytest.raises(SpecError, match="too short"):
        pseudonym(b"short", "MRN-4711")


def test_the_keys_of_a_series(tmp_path):
    (facts,) = scan_series(classic_series(tmp_path, GRID, stored_values(GRID.shape)))
    secret = b"sixteen bytes or more"
    keys = facts.keys(secret)
    assert keys["patient_key"] == pseudonym(secret, "MRN-4711")
    assert len(set(keys.values())) == 3


def test_identity_is_read_even_from_a_broken_value(tmp_path):
    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.StudyDate = NAME, "20200101"
    assert identity_of(dataset) == {"PatientName": NAME, "StudyDate": "20200101"}
    assert identifying_attributes(dataset) == ("PatientName",)


def test_no_message_names_the_patient(tmp_path):
    def edit(dataset, _):
        dataset.add_new("PixelSpacing", "LO", [NAME, NAME])

    with pytest.raises(InputError) as caught:
        scan_series(classic_series(tmp_path, GRID, stored_values(GRID.shape), edit=edit))
    chain, error = [], caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__
    assert "PixelSpacing is not a number" in str(chain[0])
    assert not [word for word in SECRETS if word in str(chain[0])]
