"""Run a command with a throw-away PostgreSQL: ``python tests/services.py COMMAND...``.

The server lives in a temporary folder, listens on 127.0.0.1 only, on a free port, and is gone afterwards; its URL goes
to the command as SCANMILL_TEST_POSTGRES. Where PostgreSQL is not installed the command runs without it, and the
tests that need it skip and say so.
"""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "scanmill"


def find_binary(name: str) -> str | None:
    """Debian keeps the server's programs out of the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(places[-1]) if places else None)


def as_server(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root: then its own user runs it."""
    return ["runuser", "-u", "postgres", "--", *command] if getpass.getuser() == "root" else command


@contextmanager
def postgres() -> Iterator[str | None]:
    """The URL of a fresh server, or None where there is no PostgreSQL."""
    initdb, pg_ctl = find_binary("initdb"), find_binary("pg_ctl")
    if initdb is None or pg_ctl is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="scanmill-pg-", ignore_cleanup_errors=True) as folder:
        if getpass.getuser() == "root":
            shutil.chown(folder, "postgres")
        data, log = f"{folder}/data", f"{folder}/log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder}
        subprocess.run(as_server([initdb, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"]), **quiet)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        subprocess.run(as_server([pg_ctl, "-D", data, "-l", log, "-o", options, "-w", "start"]), **quiet)
        try:
            yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(as_server([pg_ctl, "-D", data, "-m", "immediate", "stop"]), **quiet)


def main(command: list[str]) -> int:
    with postgres() as url:
        if url is None:
            print("no PostgreSQL here (apt-get install postgresql): its tests will skip", file=sys.stderr)
        environment = {**os.environ, **({"SCANMILL_TEST_POSTGRES": url} if url else {})}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
