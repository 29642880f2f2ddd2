"""The engine over real CURRENT files; the searchers are tiny, since opening real ones is not its business."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clew.api.engine import Engine
from clew.core.errors import CorruptError, NotFoundError, QueryError, StoreError
from clew.search.versions import IndexFolder, Release


@dataclass
class TinySearcher:
    release: Release
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass
class TinyHome:
    """A home whose releases can be promoted and broken, with a count of what was opened."""

    root: Path
    opened: list[TinySearcher] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    def promote(self, name: str, release: str) -> None:
        pointer = IndexFolder.of(self.root, name).pointer
        pointer.parent.mkdir(parents=True, exist_ok=True)
        staged = pointer.with_suffix(".new")
        staged.write_text(f"{release} {'0' * 64}\n")
        staged.replace(pointer)

    def open(self, home: Path, name: str) -> TinySearcher:
        release, _ = IndexFolder.of(home, name).live()
        self.tried.append(release)
        if release in self.broken:
            raise self.broken[release]
        self.opened.append(TinySearcher(Release(release, name, "v", "0" * 64, "2025-01-01")))
        return self.opened[-1]

    def engine(self) -> Engine:
        return Engine(self.root, self.open)


@pytest.fixture
def home(tmp_path):
    return TinyHome(tmp_path)


def served(engine, name=None):
    with engine.lease(name) as searcher:
        return searcher.release.id


def test_nothing_is_opened_before_the_first_lease(home):
    home.promote("shop", "r1")
    engine = home.engine()
    assert [(s.name, s.status) for s in engine.states()] == [("shop", "opening")]
    assert home.opened == []
    assert served(engine) == "r1"
    assert served(engine, "shop") == "r1"
    assert len(home.opened) == 1


def test_a_promoted_release_takes_over_and_the_old_one_closes_with_its_last_request(home):
    home.promote("shop", "r1")
    engine = home.engine()
    with engine.lease("shop") as first, engine.lease("shop"):
        home.promote("shop", "r2")
        engine.refresh()
        assert served(engine) == "r2"
        assert first.release.id == "r1"
        assert first.closed == 0
    assert first.closed == 1
    assert home.opened[1].closed == 0


def test_refresh_leaves_an_unchanged_release_alone(home):
    home.promote("shop", "r1")
    engine = home.engine()
    for _ in range(3):
        engine.refresh()
    assert home.tried == ["r1"]


def test_a_broken_release_is_reported_while_the_old_one_serves(home):
    home.promote("shop", "r1")
    engine = home.engine()
    engine.refresh()
    home.broken["r2"] = CorruptError("documents.arrow was changed", "roll back")
    home.promote("shop", "r2")
    for _ in range(3):
        engine.refresh()
    assert served(engine) == "r1"
    [state] = engine.states()
    assert (state.status, state.failure.release) == ("serving", "r2")
    assert "documents.arrow" in state.failure.error.message
    assert home.tried == ["r1", "r2"], "a release that failed is not read again at every look"
    home.promote("shop", "r3")
    engine.refresh()
    assert served(engine) == "r3"
    assert engine.states()[0].failure is None


def test_rolling_back_from_a_broken_release_clears_the_report(home):
    home.promote("shop", "r1")
    engine = home.engine()
    engine.refresh()
    home.broken["r2"] = CorruptError("broken")
    home.promote("shop", "r2")
    engine.refresh()
    home.promote("shop", "r1")
    engine.refresh()
    assert engine.states()[0].failure is None
    assert home.tried == ["r1", "r2"]


def test_without_an_old_release_the_request_gets_the_reason_each_time(home):
    home.broken["r1"] = CorruptError("postings.npy was changed", "roll back")
    home.promote("shop", "r1")
    engine = home.engine()
    for _ in range(2):
        with pytest.raises(CorruptError, match=r"postings\.npy") as caught, engine.lease("shop"):
            pass
        assert caught.value.hint == "roll back"
    assert home.tried == ["r1"]
    assert engine.states()[0].status == "failed"


def test_a_file_that_the_system_refuses_is_a_store_error(home):
    home.broken["r1"] = PermissionError(13, "Permission denied", "vectors.npy")
    home.promote("shop", "r1")
    with pytest.raises(StoreError, match=r"vectors\.npy"), home.engine().lease("shop"):
        pass


def test_an_unreadable_pointer_keeps_the_old_release(home):
    home.promote("shop", "r1")
    engine = home.engine()
    engine.refresh()
    IndexFolder.of(home.root, "shop").pointer.write_bytes(b"\xff\xfe nonsense")
    engine.refresh()
    assert served(engine) == "r1"
    assert "CURRENT" in engine.states()[0].failure.error.message


def test_a_pointer_or_home_that_the_system_refuses_keeps_the_old_release(home, monkeypatch):
    home.promote("shop", "r1")
    engine = home.engine()
    engine.refresh()

    def refused(*_):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(IndexFolder, "live", refused)
        engine.refresh()
        assert "Too many open files" in engine.states()[0].failure.error.message
    with monkeypatch.context() as patch:
        patch.setattr(Path, "glob", refused)
        engine.refresh()
        with pytest.raises(StoreError, match="cannot be listed"):
            engine.names()
    home.promote("shop", "r2")
    engine.refresh()
    assert served(engine) == "r2"
    assert engine.states()[0].failure is None


def test_a_removed_index_is_dropped_and_closed(home):
    home.promote("shop", "r1")
    engine = home.engine()
    engine.refresh()
    IndexFolder.of(home.root, "shop").pointer.unlink()
    engine.refresh()
    assert home.opened[0].closed == 1
    with pytest.raises(NotFoundError), engine.lease("shop"):
        pass


def test_names_are_resolved_or_the_known_ones_are_listed(home):
    engine = home.engine()
    with pytest.raises(NotFoundError, match="no index yet"):
        engine.resolve(None)
    home.promote("shop", "r1")
    assert engine.resolve(None) == "shop"
    home.promote("pydocs", "r1")
    with pytest.raises(QueryError, match="index is missing") as several:
        engine.resolve(None)
    assert several.value.hint == "give one of pydocs, shop"
    with pytest.raises(NotFoundError, match="'shpo'") as misspelt:
        engine.resolve("shpo")
    assert "did you mean 'shop'?" in misspelt.value.hint


@pytest.mark.parametrize("name", ["../shop", "shop/../shop", "/etc", "..", "", "shop\0"])
def test_no_name_leads_out_of_the_home(home, name):
    home.promote("shop", "r1")
    with pytest.raises(NotFoundError):
        home.engine().resolve(name)


def test_many_threads_open_an_index_once_and_close_every_searcher_once(home):
    home.promote("shop", "r0")
    engine = home.engine()
    start = threading.Barrier(9)
    errors = []

    def search() -> None:
        start.wait()
        for _ in range(200):
            with engine.lease("shop") as searcher:
                if searcher.closed:
                    errors.append(searcher.release.id)

    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    for number in range(1, 20):
        home.promote("shop", f"r{number}")
        engine.refresh()
    for thread in threads:
        thread.join()
    engine.close()
    assert errors == []
    assert len(home.opened) == len({s.release.id for s in home.opened})
    assert [s.closed for s in home.opened] == [1] * len(home.opened)
