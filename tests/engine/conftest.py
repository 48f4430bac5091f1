"""The test steps are a plug-in: its folder on the path, with a dist-info that names the entry points."""

import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="session", autouse=True)
def plugin():
    from scanmill.steps.table import find_step, step_paths

    if str(PLUGIN) not in sys.path:
        sys.path.insert(0, str(PLUGIN))
    step_paths.cache_clear()
    find_step.cache_clear()
    return PLUGIN


@pytest.fixture
def make_cohort(tmp_path):
    """A function: n rows, each with one .npy of role image and the columns ``fault`` and ``group``."""
    from scanmill_testcohort import small_cohort

    return lambda n, faults=None, **columns: small_cohort(tmp_path / "data", n, faults or {}, **columns)


@pytest.fixture(scope="session")
def ray_session(plugin):
    """One local Ray for all tests that need one; its workers find the test steps too."""
    import os

    from scanmill.engine.ray_session import connect, disconnect

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PLUGIN), os.environ.get("PYTHONPATH"))))
    connect(None, 6)
    yield
    disconnect()
