"""Names that stand for people and series: keyed hashes under a secret that never leaves the site."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from scanmill.errors import SpecError
from scanmill.io.identity import MIN_SECRET_BYTES, pseudonym

SECRET_VARIABLE = "SCANMILL_SITE_SECRET"  # noqa: S105 - the variable's name, not a secret


def secret_file() -> Path:
    """Where the site's secret lies: ``~/.config/scanmill/site-secret`` (or under ``XDG_CONFIG_HOME``)."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "scanmill" / "site-secret"


def site_secret() -> bytes:
    """The site's secret: of the environment, of the file, or made and kept on first use (mode 0600).

    Two machines of a site must share it: patient keys and row keys of DICOM series depend on it.
    """
    given = os.environ.get(SECRET_VARIABLE)
    if given:
        return _long_enough(given.encode(), SECRET_VARIABLE)
    path = secret_file()
    try:
        if not path.exists():
            _make_secret(path)
        return _long_enough(path.read_bytes().strip(), path.name)
    except OSError as error:
        raise SpecError(
            "the site secret can be neither read nor made", got=error.strerror, do=f"set {SECRET_VARIABLE}"
        ) from error


def _long_enough(secret: bytes, where: str) -> bytes:
    if len(secret) < MIN_SECRET_BYTES:
        raise SpecError("the site secret is too short", where=where, expected=f"{MIN_SECRET_BYTES} bytes or more")
    return secret


def _make_secret(path: Path) -> None:
    """Written aside, then linked into place: of two processes that come first, both get the winner's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def patient_key(secret: bytes, patient_id: str) -> str:
    """HMAC-SHA256(site secret, PatientID): the same patient everywhere at this site, and nobody elsewhere.

    Spaces around the identifier do not count, as in DICOM.
    """
    return pseudonym(secret, patient_id.strip())
