"""One function writes a release: its number, its record, and whether it goes live."""

from datetime import date

import pytest

from clew.core.errors import NotFoundError
from clew.core.files import sha256_file, write_atomic
from clew.core.lock import writing
from clew.indexer.releases.history import history
from clew.indexer.releases.override import Override
from clew.indexer.releases.publish import publish_learned, write_release
from clew.search.versions import IndexFolder, IndexVersion, dumps


@pytest.fixture
def folder(tmp_path):
    return IndexFolder.of(tmp_path, "shop")


def placed(folder, number) -> IndexVersion:
    """A version that is in place."""
    version = IndexVersion(f"{number}-ab", "shop", "", "", (), {}, {}, {}, "", 1, 1)
    write_atomic(folder.version(version.id) / "version.json", dumps(version))
    return version


def test_the_first_release_of_a_version_has_its_number_and_a_later_one_the_next(folder):
    first = placed(folder, 1)
    assert write_release(folder, first, "built") == "r1"
    assert write_release(folder, first, "tuned") == "r2"
    assert write_release(folder, placed(folder, 3), "built") == "r3"
    assert write_release(folder, first, "tuned again") == "r4"
    assert history(folder) == ["r1", "r2", "r3", "r4"]


def test_the_number_of_a_removed_release_or_an_unpublished_version_is_not_used_again(folder):
    first = placed(folder, 1)
    assert write_release(folder, first, "built") == "r1"
    assert write_release(folder, first, "tuned") == "r2"
    folder.release("r1").unlink()
    placed(folder, 5)
    assert write_release(folder, first, "tuned again") == "r6"


def test_what_a_release_records(folder):
    version = placed(folder, 1)
    override = Override("faster", date(2030, 1, 31), "2030-01-01T00:00:00Z")
    write_release(folder, version, "built", learned={"fusion": {}}, reranker={"model": "m"}, override=override)
    release = folder.read_release()
    assert (release.index, release.version, release.note) == ("shop", "1-ab", "built")
    assert release.version_sha256 == sha256_file(folder.version("1-ab") / "version.json")
    assert (release.learned, release.reranker) == ({"fusion": {}}, {"model": "m"})
    assert release.override == override.as_table()


def test_a_release_that_is_only_written_is_not_live(folder):
    version = placed(folder, 1)
    write_release(folder, version, "built")
    assert write_release(folder, version, "imported", live=False) == "r2"
    assert folder.read_release().id == "r1"
    assert history(folder) == ["r1"]


def test_learned_parts_replace_those_of_the_live_release_and_the_rest_stays(folder, tmp_path):
    override = Override("faster", date.max)
    learned = {"fusion": {"a": 1}, "gate": {"b": 2}, "rerank": {"c": 3}}
    version = placed(folder, 1)
    write_release(folder, version, "built", learned=learned, reranker={"model": "m"}, override=override)
    assert publish_learned(tmp_path, "shop", {"fusion": {"a": 4}, "rerank": None}, "learned") == "r2"
    release = folder.read_release()
    assert release.learned == {"fusion": {"a": 4}, "gate": {"b": 2}}
    assert (release.version, release.note, release.reranker) == ("1-ab", "learned", {"model": "m"})
    assert Override.of_release(release) == override
    with writing(folder.root):  # the lock was given back
        pass


def test_learning_for_an_index_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="no index 'shop'"):
        publish_learned(tmp_path, "shop", {}, "learned")
