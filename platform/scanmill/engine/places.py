"""Where workers may run in a cluster: one place per device, named ``<node>/cpu:<k>`` or ``<node>/gpu-slot:<k>``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scanmill.engine.performer import Claim


@dataclass(frozen=True, slots=True)
class Place:
    """Room for one worker on a node. A GPU's real name is known once Ray has given one."""

    name: str
    node: str
    node_id: str


def places_of(nodes: Iterable[Mapping[str, Any]], claim: Claim) -> list[Place]:
    """All places in the cluster for workers of this size, one of each node in turn, so that a few spread out.

    >>> node = {"Alive": True, "NodeID": "ab12", "NodeManagerHostname": "mill", "Resources": {"CPU": 3.0}}
    >>> [place.name for place in places_of([node], Claim(cpus=1.0))]
    ['mill/cpu:0', 'mill/cpu:1', 'mill/cpu:2']
    """
    alive = [node for node in nodes if node["Alive"]]
    names = Counter(node["NodeManagerHostname"] for node in alive)
    rows: list[list[Place]] = []
    for node in alive:
        host, node_id = node["NodeManagerHostname"], node["NodeID"]
        name = host if names[host] == 1 else f"{host}-{node_id[:6]}"
        kind = "gpu-slot" if claim.gpus else "cpu"
        rows.append([Place(f"{name}/{kind}:{k}", name, node_id) for k in range(_room(node["Resources"], claim))])
    longest = max((len(row) for row in rows), default=0)
    return [row[k] for k in range(longest) for row in rows if k < len(row)]


def _room(resources: Mapping[str, float], claim: Claim) -> int:
    room = math.floor(resources.get("CPU", 0.0) / claim.cpus + 1e-9)
    if claim.gpus:
        per_gpu = math.floor(1 / claim.gpus + 1e-9) if claim.gpus < 1 else 1 / claim.gpus
        room = min(room, math.floor(resources.get("GPU", 0.0) * per_gpu + 1e-9))
    return room
