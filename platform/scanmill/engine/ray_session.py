"""Joining a Ray cluster, or starting a local one: token authentication on, dashboard and usage statistics off."""

from __future__ import annotations

import logging
import os
import secrets
from typing import Any

from scanmill.engine.conclude import scrubbed
from scanmill.errors import ResourceError

LOCAL_STORE_BYTES = 128 * 2**20
"""Paths and numbers travel through Ray, never voxels."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
STARTS = 3


def secure_environment() -> None:
    """Set what Ray reads from the environment before it starts; a token that is already there stays."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["RAY_AUTH_MODE"] = "token"
    if not any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")) and not _has_token_file():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def connect(address: str | None, n_cpus: int | None) -> bool:
    """Join the cluster at ``address`` or start a local Ray; False when this process was connected already.

    ``n_cpus`` is how many CPU slots a local one has (None: the machine's). ResourceError when it cannot be reached.
    """
    secure_environment()
    import ray

    if ray.is_initialized():
        return False
    if address in {None, "local"}:
        _start(n_cpus)
        return True
    try:
        ray.init(address=address, **_SILENT)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
        raise ResourceError(
            "no Ray cluster answers",
            got=scrubbed(str(error))[:200] or type(error).__name__,
            do="check the address, the token (RAY_AUTH_TOKEN) and that the versions agree",
        ) from error
    return True


def _start(n_cpus: int | None) -> None:
    """Start a local Ray; once more where a busy machine did not manage it within Ray's own 30 seconds."""
    import ray

    for left in range(STARTS - 1, -1, -1):
        try:
            ray.init(
                address="local",
                include_dashboard=False,
                dashboard_host="127.0.0.1",
                num_cpus=n_cpus,
                object_store_memory=LOCAL_STORE_BYTES,
                **_SILENT,
            )
        except Exception as error:  # Ray raises a bare Exception when its start takes too long
            ray.shutdown()
            if not left:
                text = scrubbed(str(error))[:200] or type(error).__name__
                raise ResourceError("Ray does not start here", got=text, do="is the machine very busy?") from error
        else:
            return


def disconnect() -> None:
    """Leave the cluster, or end the local one."""
    import ray

    ray.shutdown()


def _has_token_file() -> bool:
    from pathlib import Path

    return (Path.home() / ".ray" / "auth_token").is_file()
