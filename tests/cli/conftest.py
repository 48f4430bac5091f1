"""The command in this process: a small cohort, and MLflow's place taken by an ear."""

import pytest

from found_scans import write_place
from raw_scans import scanmill, write_job, write_scans


class Ear:
    """Takes what would go to MLflow."""

    def __init__(self):
        self.heard = []

    def send(self, item):
        self.heard.append(item)


@pytest.fixture(autouse=True)
def mlflow(monkeypatch):
    """No MLflow server, no database: what is sent is heard by this."""
    ear = Ear()
    monkeypatch.setattr("scanmill.tracking.tracker._open_sender", lambda *args: ear)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("SCANMILL_LEDGER", "SCANMILL_DEBUG", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return ear


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with four scans, their cohort and a job."""
    monkeypatch.chdir(tmp_path)
    write_scans(tmp_path / "scans")
    write_job(tmp_path / "job.yaml")
    built = scanmill("cohort", "build", "scans", "--card", "phantom", "--project", "p", "--workers", "1")
    assert built.exit_code == 0, built.output
    return tmp_path


@pytest.fixture(scope="session")
def findable(tmp_path_factory):
    """Six scans, reconstructed and embedded by a run that an index followed; nobody may change it."""
    place = write_place(tmp_path_factory.mktemp("findable"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scanmill.tracking.tracker._open_sender", lambda *args: Ear())
        patch.chdir(place)
        run = ("run", "job.yaml", "--cohort", "cohort.parquet", "--workers", "0", "--index", "live.index")
        found = scanmill(*run)
    assert found.exit_code == 0, found.output
    return place
