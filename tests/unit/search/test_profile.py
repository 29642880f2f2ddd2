import pytest

from clew.core.errors import QueryError, SpecError, UnknownNameError
from clew.search.fields import FieldSpec
from clew.search.profile import ProfileSpec, load_profile, profile_names

FIELDS = {
    "title": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword", facet=True),
    "price": FieldSpec("number", facet=[10.0]),
    "sku": FieldSpec("keyword"),
}


def test_every_shipped_profile_loads():
    assert profile_names() == ("product", "qa")
    for name in profile_names():
        assert isinstance(load_profile(name), ProfileSpec)


def test_product_shows_fields_and_counts_all_facets():
    profile = load_profile("product")
    assert profile.shown(FIELDS) == tuple(FIELDS)
    assert profile.facets_of(FIELDS) == ("brand", "price")
    assert not profile.answer


def test_qa_shows_the_answer_sentence_and_not_the_body():
    profile = load_profile("qa")
    assert profile.shown(FIELDS) == ("title", "brand", "price", "sku")
    assert profile.facets_of(FIELDS) == ()
    assert profile.answer


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as error:
        load_profile("produkt")
    assert "did you mean 'product'?" in error.value.hint
    assert "qa" in error.value.hint


def test_a_profile_may_be_a_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('fields = ["title", "sku"]\nfacets = ["brand"]\nsnippet = 80\n')
    profile = load_profile(str(path))
    assert profile == ProfileSpec(fields=["title", "sku"], facets=["brand"], snippet=80)
    assert profile.shown(FIELDS) == ("title", "sku")
    assert profile.facets_of(FIELDS) == ("brand",)


@pytest.mark.parametrize(
    ("text", "message"),
    [("snipet = 80", "unknown key 'snipet'"), ("depth = 0", "depth is 0"), ("snippet = 5", "snippet is 5"),
     ("answer = [", "not valid TOML"), ('facets = "brand"', "facets")],
)  # fmt: skip
def test_a_wrong_profile_file_is_named(tmp_path, text, message):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SpecError) as error:
        load_profile(str(path))
    assert str(path) in error.value.message
    assert message in error.value.message


def test_a_missing_profile_file_is_named(tmp_path):
    with pytest.raises(SpecError, match="no such file"):
        load_profile(str(tmp_path / "none.toml"))


def test_a_profile_that_shows_an_undeclared_field_offers_the_nearest():
    with pytest.raises(QueryError, match="'titel'") as error:
        ProfileSpec(fields=["titel"]).shown(FIELDS)
    assert "did you mean 'title'?" in error.value.hint
