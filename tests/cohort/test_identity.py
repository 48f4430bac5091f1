"""The site's secret is made once and kept to its owner; keys depend on it and on nothing else."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanmill.cohort.identity import patient_key, secret_file, site_secret
from scanmill.cohort.row_key import path_row_key, row_key, series_row_key
from scanmill.errors import SpecError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("SCANMILL_SITE_SECRET", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.mark.usefixtures("home")
def test_the_secret_is_made_once_for_its_owner_only():
    secret = site_secret()
    assert len(secret) == 64
    assert site_secret() == secret
    assert secret_file().stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in secret_file().parent.iterdir()] == ["site-secret"]


@pytest.mark.usefixtures("home")
def test_of_many_first_users_all_get_one_secret():
    found = []
    threads = [threading.Thread(target=lambda: found.append(site_secret())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert len(set(found)) == 1


def test_the_environment_wins_and_short_secrets_are_refused(home, monkeypatch):
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "s" * 16)
    assert site_secret() == b"s" * 16
    assert not secret_file().exists()
    monkeypatch.setenv("SCANMILL_SITE_SECRET", "short")
    with pytest.raises(SpecError, match="too short"):
        site_secret()
    monkeypatch.delenv("SCANMILL_SITE_SECRET")
    (home / "config").write_text("in the way")
    with pytest.raises(SpecError, match="neither read nor made"):
        site_secret()


def test_keys_depend_on_the_secret():
    one, other = b"1" * 16, b"2" * 16
    assert patient_key(one, "A") == patient_key(one, " A ")
    assert patient_key(one, "A") != patient_key(other, "A")
    assert series_row_key(one, "1.2.3") != series_row_key(other, "1.2.3")
    assert "1.2.3" not in series_row_key(one, "1.2.3")


@given(st.text(min_size=1), st.text(max_size=10))
def test_a_row_key_is_a_plain_relative_path_or_refused(path, project):
    try:
        key = path_row_key(path.lstrip("/") or "x", project=project)
    except SpecError:
        return
    assert not key.startswith("/")
    assert ".." not in key.split("/")
    assert not set(key) & set(" \\:*?\"<>|'\n\0")


def test_endings_and_projects():
    assert path_row_key("a/b.c.nii.gz") == "a/b.c"
    assert path_row_key("a/b.mat", project="p q") == "p_q/a/b"
    assert path_row_key("a/b") == "a/b"
    with pytest.raises(SpecError):
        row_key("", "..")
