"""Ray listens on all interfaces whatever its address option says, so nobody gets in without the token."""

import os
import subprocess
import sys

import psutil
import pytest

pytestmark = [pytest.mark.ray, pytest.mark.xdist_group("ray")]

JOIN = """
import sys, ray
ray.init(address=sys.argv[1], log_to_driver=False)
print(len(ray.nodes()), "nodes")
"""


def join(address, token):
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    command = [sys.executable, "-c", JOIN, address]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def listening():
    """(name of the process, address) for every socket on which a process of this Ray listens."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            sockets = process.net_connections("inet")
            found |= {(process.name(), s.laddr.ip, s.laddr.port) for s in sockets if s.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue
    return found


def test_who_has_no_token_is_refused(ray_session):
    import ray

    address = ray.get_runtime_context().gcs_address
    port = int(address.rpartition(":")[2])
    assert any(found[2] == port for found in listening()), "the control store is among the sockets that we look at"
    refused = join(address, "0" * 64)
    assert refused.returncode != 0
    assert "nodes" not in refused.stdout
    assert join(address, os.environ["RAY_AUTH_TOKEN"]).stdout.split()[-1:] == ["nodes"]


def test_no_dashboard_listens_beyond_this_machine(ray_session):
    """The dashboard (port 8265) is off; what else listens speaks gRPC behind the token."""
    assert not [found for found in listening() if found[2] == 8265 and found[1] not in {"127.0.0.1", "::1"}]
