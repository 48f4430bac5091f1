"""Made CT-PD scans by the command on Ray: HU within bounds, the damaged ones failed with their reasons.

Three of the eight sound scans and one seed; `make helical-ct` runs all ten with two seeds, to the same bounds.
"""

import pytest

from ctpd import ten_scans as ten

NAMES = ("siemens-none", "siemens-xyz", "ge-xy")


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_hu_of_the_inserts(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")
    rows = ten.run_cohort(tmp_path, 0, (*NAMES, *ten.DAMAGED))[1]
    assert {name for name, row in rows.items() if row["status"] == "done"} == set(NAMES)
    assert {name for name, row in rows.items() if row["status"] == "failed"} == set(ten.DAMAGED)
    assert "views are missing" in rows["missing-views"]["error"]
    assert "WaterAttenuationCoefficient" in rows["two-water-values"]["error"]
    for method, bound in ten.BOUND_HU.items():
        for name in NAMES:
            for region in ten.TRUTH_HU:
                assert abs(rows[name][f"metric.{method}_hu_error_{region}"]) < bound, (name, method, region)
