"""A promoted release goes live without a restart; a broken one never does."""

import threading

import pytest
from starlette.testclient import TestClient

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.search.versions import IndexFolder
from tests.builders import build_home, spec_table
from tests.eventually import eventually


class Shop:
    """A shop whose catalogue can be rebuilt and whose releases can be named and broken."""

    def __init__(self, root):
        self.root, self.home = root, root / "home"
        self.folder = IndexFolder.of(self.home, "shop")

    def build(self, edition):
        docs = [{"id": f"{i}", "title": f"oak lamp {i}", "edition": edition} for i in range(20)]
        table = spec_table(fields={"title": {"type": "text"}, "edition": {"type": "number"}})
        build_home(self.root, table, docs=docs)
        return self.folder.pointer.read_bytes()

    def point_at(self, pointer):
        staged = self.folder.root / "staged-pointer"
        staged.write_bytes(pointer)
        staged.replace(self.folder.pointer)

    def client(self):
        return TestClient(create_app(Engine(self.home), Settings(home=self.home, poll_seconds=0.02)))


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def editions(answer):
    return {hit["fields"]["edition"] for hit in answer["hits"]}


def search(client):
    response = client.get("/v1/search", params={"q": "oak lamp", "k": 20})
    assert response.status_code == 200, response.text
    return response.json()


def test_a_new_release_goes_live_while_requests_run(shop):
    shop.build(1)
    with shop.client() as client:
        first = search(client)
        assert editions(first) == {1.0}
        answers, failures, stop = [], [], threading.Event()

        def keep_searching():
            while not stop.is_set():
                try:
                    answers.append(search(client))
                except AssertionError as error:
                    failures.append(error)

        threads = [threading.Thread(target=keep_searching) for _ in range(3)]
        for thread in threads:
            thread.start()
        shop.build(2)
        eventually(lambda: search(client)["release"] != first["release"])
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        seen = {(answer["release"], tuple(sorted(editions(answer)))) for answer in answers}
        assert {edition for _, edition in seen} <= {(1.0,), (2.0,)}, "every answer is of one release"
        assert len({release for release, _ in seen}) == len(seen)
        assert editions(search(client)) == {2.0}
        assert f'release="{search(client)["release"]}"' in client.get("/metrics").text


def test_an_index_built_after_the_start_is_found(shop):
    shop.home.mkdir()
    with shop.client() as client:
        assert client.get("/readyz").status_code == 503
        shop.build(1)
        eventually(lambda: client.get("/readyz").status_code == 200)
        assert editions(search(client)) == {1.0}


def test_a_corrupt_release_is_reported_and_the_old_one_serves_on(shop):
    good = shop.build(1)
    bad = shop.build(2)
    damaged = _flip_a_byte_only_in(shop, bad, good)
    shop.point_at(good)
    with shop.client() as client:
        eventually(lambda: client.get("/readyz").status_code == 200)
        shop.point_at(bad)
        eventually(lambda: client.get("/healthz").json()["status"] == "degraded")
        assert editions(search(client)) == {1.0}
        [index] = client.get("/healthz").json()["indexes"]
        assert (index["status"], index["release"]) == ("serving", good.split()[0].decode())
        assert damaged in index["problem"]
        assert client.get("/readyz").status_code == 200, "the old release can take traffic"
        assert 'clew_release_failed{index="shop"} 1.0' in client.get("/metrics").text
        shop.point_at(good)
        eventually(lambda: client.get("/healthz").json()["status"] == "ok")


def test_a_corrupt_release_alone_is_a_problem_that_names_the_file(shop):
    damaged = _flip_a_byte_only_in(shop, shop.build(1))
    with shop.client() as client:
        response = client.get("/v1/search", params={"q": "lamp"})
        assert response.status_code == 503
        assert response.json()["code"] == "corrupt"
        assert damaged in response.json()["detail"]
        eventually(lambda: client.get("/healthz").json()["indexes"][0]["status"] == "failed")
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200


def _flip_a_byte_only_in(shop, pointer, other=None):
    """Damage a document file of the release that `pointer` names and `other` does not use; returns its name."""

    def shards(words):
        version = shop.folder.read_version(shop.folder.read_release(words.split()[0].decode()))
        return {address for address, _ in version.shards}

    address = (shards(pointer) - (shards(other) if other else set())).pop()
    path = shop.folder.shard(address) / "documents.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    return path.name
