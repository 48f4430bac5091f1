import itertools
import socket
import time

import pytest

from scanmill.errors import ResourceError
from scanmill.storage import open_store
from store_contract import StoreContract


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def options(server):
    return {"key": "testing", "secret": "testing", "endpoint_url": server}


@pytest.fixture(scope="module")
def make_bucket(options):
    import s3fs

    files, numbers = s3fs.S3FileSystem(**options, skip_instance_cache=True), itertools.count()

    def make():
        name = f"cohort-{next(numbers)}"
        files.mkdir(name)
        return name

    return make


@pytest.fixture
def bucket(make_bucket):
    return make_bucket()


@pytest.fixture
def store(bucket, options):
    return open_store(f"s3://{bucket}/runs/ä", options=options)


class TestS3Store(StoreContract):
    @pytest.fixture
    def reopen(self, options):
        return lambda uri: open_store(uri, options=options)


def test_keys_and_endpoint_come_from_the_environment(bucket, server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    store = open_store(f"s3://{bucket}/runs")
    store.put_bytes(b"here", "a")
    assert store.get_bytes("a") == b"here"
    assert store.free_bytes() is None


def test_what_another_worker_wrote_is_seen_at_once(bucket, options):
    one, two = (open_store(f"s3://{bucket}/runs", options=options) for _ in range(2))
    assert one.list() == []
    two.put_bytes(b".", "late")
    assert (one.list(), one.exists("late")) == (["late"], True)


def test_a_whole_bucket_and_a_folder_of_it(bucket, options):
    whole = open_store(f"s3://{bucket}/", options=options)
    whole.put_bytes(b".", "runs/1")
    whole.put_bytes(b".", "runs2/1")
    assert whole.list() == ["runs/1", "runs2/1"]
    assert open_store(f"s3://{bucket}/runs/", options=options).list() == ["1"]


@pytest.mark.long
def test_a_large_file_goes_in_parts(store, tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(120 * 2**20)
    store.put_file(tmp_path / "large", "large")
    assert store.size("large") == 120 * 2**20


def test_a_broken_download_is_not_kept(store, tmp_path, monkeypatch):
    store.put_bytes(b"whole", "a")
    monkeypatch.setattr(store._files, "get_file", lambda _, part: open(part, "wb").close())  # noqa: PTH123
    with pytest.raises(ResourceError, match="broke off"):
        store.stage("a", tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_missing_bucket_is_the_machines_fault(bucket, options):
    away = open_store("s3://elsewhere/runs", options=options)
    with pytest.raises(ResourceError):
        away.put_bytes(b".", "a")
    with pytest.raises(ResourceError):
        away.list()
    with pytest.raises(ResourceError, match="bucket is away"):
        away.get_bytes("a")
    with pytest.raises(ResourceError, match="bucket is away"):
        away.exists("a")


def test_a_server_that_is_away_is_the_machines_fault(options):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
        store = open_store("s3://cohort/runs", options={**options, "endpoint_url": nobody})
        started = time.monotonic()
        with pytest.raises(ResourceError):
            store.get_bytes("a")
        assert time.monotonic() - started < 30
        hasty = {"config_kwargs": {"retries": {"max_attempts": 1}}}
        store = open_store("s3://cohort/runs", options={**options, "endpoint_url": nobody, **hasty})
        for act in (lambda: store.put_bytes(b".", "a"), store.list):
            with pytest.raises(ResourceError):
                act()


def test_keys_stay_out_of_the_repr(store):
    assert "testing" not in repr(store)
