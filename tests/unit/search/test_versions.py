"""Where versions and releases lie: names stay inside the home."""

import pytest

from clew.core.errors import NotFoundError
from clew.search.versions import IndexFolder, index_names


@pytest.mark.parametrize("name", ["", "..", "../shop", "/tmp/shop", "a/b", "shop\0", "Shop", "a" * 300])
def test_what_is_no_index_name_is_no_index(tmp_path, name):
    with pytest.raises(NotFoundError, match="no index"):
        IndexFolder.of(tmp_path, name)


def test_a_home_that_is_a_file_holds_no_index(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(NotFoundError, match="no index 'shop'") as caught:
        IndexFolder.of(tmp_path / "home", "shop").live()
    assert caught.value.hint == "there are no indexes here yet: run `clew build SPEC`, or `clew demo`"


@pytest.mark.parametrize("release", ["", "r9", "../r1", "r1\0", "CURRENT"])
def test_an_unknown_release_offers_the_known_ones(tmp_path, release):
    folder = IndexFolder.of(tmp_path, "shop")
    (folder.root / "releases").mkdir(parents=True)
    (folder.root / "releases" / "r1.json").touch()
    with pytest.raises(NotFoundError, match="index 'shop' has no release") as caught:
        folder.read_release(release)
    assert "r1" in caught.value.hint


def test_a_folder_that_is_no_index_name_is_not_listed(tmp_path):
    for name in ("shop", "Shop (copy)"):
        (tmp_path / "indexes" / name).mkdir(parents=True)
        (tmp_path / "indexes" / name / "CURRENT").touch()
    assert index_names(tmp_path) == ["shop"]
