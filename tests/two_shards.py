"""A process with a Ray of two nodes and an index of two shards; it kills one and prints what was answered, as JSON.

python two_shards.py FOLDER-OF-ONE-INDEX FOLDER-OF-A-SHARD FOLDER-OF-A-SHARD
"""

import json
import os
import signal
import sys
import time

from image_entries import some_vectors
from scanmill.engine.ray_session import connect, disconnect, secure_environment
from scanmill.errors import SpecError
from scanmill.retrieval import Index
from scanmill.retrieval.shards import ShardedIndex

PATIENCE_S = 120


def asked(index):
    return index.search(some_vectors(5, seed=2), 7, where="age < 60")


def told(answers):
    return {"complete": answers.complete, "answers": answers.table.drop_columns(["complete"]).to_pylist()}


def scene(residents, folders):
    index = ShardedIndex(residents)
    yield "together", told(asked(index))
    places = residents.where()
    yield "nodes", [node for node, _ in places]
    try:
        index.search(some_vectors(1), 7, where="no_such_column > 1")
    except SpecError as error:
        yield "error", str(error)
    os.kill(places[0][1], signal.SIGKILL)
    yield "without the first", told(asked(index))
    yield "the second alone", told(asked(Index.open(folders[1])))
    deadline = time.monotonic() + PATIENCE_S
    while not (healed := asked(index)).complete and time.monotonic() < deadline:
        pass
    yield "healed", told(healed)
    yield "new process", residents.where()[0][1] != places[0][1]


def main(whole, *folders):
    secure_environment()
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for _ in folders:
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20, include_dashboard=False)
    connect(cluster.address, None)
    from scanmill.engine.residents import Residents

    residents = Residents("scanmill.retrieval.shards:open_shard", [[folder] for folder in folders])
    print(json.dumps({"one index": told(asked(Index.open(whole))), **dict(scene(residents, folders))}))
    residents.close()
    disconnect()
    cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
