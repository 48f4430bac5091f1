"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from scanmill.engine.kernel_cache import use_kernel_cache

use_kernel_cache()  # what `make warm` compiled, not a second cache beside the sources
DATA = Path(os.environ.get("SCANMILL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real measured data; the test is skipped where it is absent."""
    if not (DATA / "README.md").is_file():
        pytest.skip("real measured data not found: set SCANMILL_DATA to its folder")
    return DATA
