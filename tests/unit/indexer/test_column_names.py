"""What the names of columns say, in the words of exports."""

import pytest

from clew.indexer.column_names import (
    core,
    is_identifier,
    is_searched,
    language_of,
    names_others,
    says_date,
    says_list,
    says_truth,
    title_rank,
    words_of,
)


def test_names_are_cut_into_words():
    assert words_of("itemGroup_ID") == ["item", "group", "id"]
    assert words_of("Attribute 1 value(s)") == ["attribute", "1", "value", "s"]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("attributes.color.label.en", "color"), ("brand.name", "brand"), ("categories.id", "id"), ("name", "name"),
        ("Tags (x,y,z...)", "Tags (x,y,z...)"), ("masterData.current.name.en", "current"),
    ],
)  # fmt: skip
def test_the_step_of_a_path_that_says_most(name, step):
    assert core(name) == step


@pytest.mark.parametrize("name", ["title", "Name", "Name *", "productName", "a.name.de-DE", "Model_Name", "商品名称"])
def test_titles_are_known_by_their_names(name):
    assert title_rank(name) is not None


@pytest.mark.parametrize("name", ["subtitle", "meta_title", "SEO Title", "brand", "name.id"])
def test_other_names_are_no_titles(name):
    assert title_rank(name) is None


def test_languages_end_paths():
    assert [language_of(name) for name in ("name.en", "name.pt_BR", "en", "name.id", "name.value")] == [
        "en", "pt_BR", "", "", "",
    ]  # fmt: skip


def test_which_columns_people_search():
    searched = ["Brand Name", "attributes.color.label.en", "Option1 Value", "类目", "categoryPath.name", "Warengruppe"]
    assert all(map(is_searched, searched))
    other = ["Option1 Name", "productType.typeId", "related_skus", "tax_class", "categories.id", "status"]
    assert not any(map(is_searched, other))


def test_what_names_say_of_values():
    assert all(map(is_identifier, ["Variant SKU", "postcode", "Prod_ID", "商品编号", "EAN13"]))
    assert not any(map(is_identifier, ["title", "paid", "skus.price"]))
    assert all(map(says_truth, ["is_in_stock", "In stock?", "Published", "Active (0/1)", "free_shipping_available"]))
    assert not any(map(says_truth, ["quantity", "price", "rating"]))
    assert all(map(says_list, ["Tags", "Attribute 1 value(s)", "EAN_UPCS", "additional_image_link"]))
    assert not any(map(says_list, ["title", "google_product_category"]))
    assert all(map(says_date, ["created_at", "Updated", "上架时间"]))
    assert all(map(names_others, ["related_skus", "Cross-sells", "Upsells"]))
