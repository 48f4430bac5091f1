"""Ten made CT-PD scans by the command on Ray: HU within bounds, the damaged ones failed with their reasons."""

import pytest

from ctpd import ten_scans as ten

BOUND_HU = {"wfbp": 5.0, "pwls": 3.0}


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.timeout(3600)
def test_hu_of_the_inserts(tmp_path, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "a secret of this site")
    runs = [ten.run_cohort(tmp_path, seed)[1] for seed in range(2)]
    for rows in runs:
        assert set(rows) == {*ten.SOUND, *ten.DAMAGED}
        assert {name for name, row in rows.items() if row["status"] == "done"} == set(ten.SOUND)
        assert {rows[name]["status"] for name in ten.DAMAGED} == {"failed"}
        assert "views are missing" in rows["missing-views"]["error"]
        assert "WaterAttenuationCoefficient" in rows["two-water-values"]["error"]
    for method, bound in BOUND_HU.items():
        for name in ten.SOUND:
            for region in ten.TRUTH_HU:
                mean, error = ten.mean_error(runs, name, method, region)
                assert error < 1.0
                assert abs(mean) < bound, (name, method, region, mean)
