"""What the names of columns say about their values, in the words that exports use."""

from __future__ import annotations

import re

from clew.search.fields import names_identifiers

# Names of ids and of titles, the first that a source has; words are joined by "_".
IDS = (
    "id", "_id", "sku", "asin", "uid", "uuid", "key", "code", "product_id", "productid", "doc_id", "docid", "item_id",
    "object_id", "objectid", "article_id", "artikelnummer", "artikel_nr", "artnr", "article_number", "item_number",
    "product_number", "part_number", "sku_id", "skuid", "matnr", "handle", "gtin", "ean", "isbn",
    "商品编号", "商品编码", "货号", "编号",
)  # fmt: skip
TITLES = (
    "title", "name", "product_name", "product_title", "item_name", "item_title", "productname", "display_name",
    "model_name", "article_name", "headline", "heading", "titel", "bezeichnung", "artikelname", "artikelbezeichnung",
    "produktname", "produktbezeichnung", "titre", "nom", "nom_du_produit", "nombre", "titulo", "título", "nome",
    "naam", "标题", "名称", "商品名称", "商品标题", "商品名", "产品名称", "品名", "商品名稱",
)  # fmt: skip
# Names of the product that a record is a variant of.
GROUPS = (
    "item_group_id", "item_group", "itemgroupid", "group_id", "groupid", "product_group", "product_group_id", "parent",
    "parent_id", "parent_sku", "parent_asin", "parent_code", "parent_product", "parent_product_id", "master_id",
    "master_sku", "master_product", "style_id", "style_code", "style_number", "variant_of", "configurable_sku",
    "product_id", "productid", "product_code", "product_handle", "handle",
)  # fmt: skip
# Names of arrays of the variants of a product, other than "variants".
VARIANT_ARRAYS = {
    "skus", "variations", "children", "childs", "child_products", "childproducts", "product_variants",
    "productvariants", "configurations", "configurable_variations",
}  # fmt: skip
# Objects that repeat the record: marked for display, or as a draft.
COPIES = {"_highlightResult", "_snippetResult", "_rankingInfo", "_distinctSeqID", "_formatted"}
# What Elasticsearch notes about a document.
BOOKKEEPING = {"_index", "_type", "_score", "_version", "_seq_no", "_primary_term", "_routing", "_source"}
# Names that a price's currency may already have in the data.
CURRENCIES = {"currency", "price_currency", "currency_code", "waehrung", "währung", "币种"}
# Words in the names of keyword fields whose values people type into a search box.
_SEARCHED = {
    "brand", "brands", "manufacturer", "vendor", "supplier", "maker", "marke", "hersteller", "author", "authors",
    "artist", "publisher", "colour", "color", "colours", "colors", "farbe", "category", "categories", "kategorie",
    "kategorien", "type", "genre", "genres", "material", "materials", "size", "sizes", "gender", "style", "tag",
    "tags", "breadcrumb", "breadcrumbs", "keyword", "keywords", "model", "series", "collection", "collections",
    "department", "subject", "topic",
    "sku", "skus", "gtin", "ean", "upc", "asin", "isbn", "mpn", "barcode", "code", "option", "option1", "option2",
    "option3", "attribute", "warengruppe", "produktgruppe", "größe", "grösse", "marque", "couleur", "taille",
    "catégorie", "catégories", "categoría", "categorías", "categoria", "marca", "talla", "cor", "colore", "taglia",
}  # fmt: skip
_SEARCHED_CHINESE = ("品牌", "颜色", "类别", "分类", "类目", "材质", "型号", "标签", "关键词", "尺码", "规格")
# Words in the names of codes other than the identifiers of products: their digits are text, so that zeros stay.
_CODES = {
    "id", "ids", "code", "zip", "zipcode", "postcode", "postal", "plz", "phone", "tel", "telephone", "fax", "model",
    "artikelnummer", "artnr", "modelno", "partno", "itemno", "handle", "uuid", "guid", "key", "ref", "reference",
    "编号", "条码",
}  # fmt: skip
_CODES_CHINESE = ("编号", "编码", "条码", "货号", "电话", "邮编")
# Codes that name a page, a record of another table or nothing outside of the shop.
_NO_PRODUCT_CODE = {
    "handle", "slug", "url", "uuid", "guid", "zip", "phone", "tel", "fax", "image", "picture", "photo", "category",
    "tax", "supplier", "vendor", "brand", "store", "user", "customer",
}  # fmt: skip
_LISTS = {
    "tags", "categories", "collections", "keywords", "labels", "images", "pictures", "photos", "image", "values",
    "value", "colours", "colors", "sizes", "materials", "eans", "upcs", "gtins", "skus", "genres", "authors",
    "websites", "features", "badges", "kategorien", "schlagworte", "tag", "upsells", "sells", "xyz",
    "标签", "关键词",
}  # fmt: skip
_DATES = {
    "date", "datetime", "time", "timestamp", "created", "updated", "modified", "published", "released", "release",
    "at", "on", "since", "until", "datum", "fecha",
}  # fmt: skip
_TRUTHS = {"is", "has", "in", "active", "enabled", "published", "visible", "online", "featured", "available", "allow",
           "allowed", "taxable", "new", "discontinued", "global"}  # fmt: skip
_RANGES = {"range", "ranges", "bucket", "band", "spanne"}
_OTHERS = {"related", "upsell", "upsells", "crosssell", "sells", "similar", "alternatives", "accessories", "grouped",
           "recommended", "substitutes"}  # fmt: skip
_LANGUAGES = frozenset(
    """
    en de fr es it nl pt pl cs sv da fi no nb nn hu ro bg el tr ru uk ja zh ko ar he hi th vi sk sl hr sr et lv
    """.split()
)
_REGION = re.compile(r"[-_][A-Za-z]{2,4}")
# Steps of a path that say nothing themselves: the value of an attribute, the name of a brand.
_PLAIN_STEPS = {"name", "label", "value", "values", "title", "text"}


def words_of(name: str) -> list[str]:
    """Return the words of a column's name in lower case: "itemGroup_ID" gives item, group, id."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]


def joined(name: str) -> str:
    """Return the words of a name joined by "_", as the tables of this module have them."""
    return "_".join(words_of(name)) or name.lower()


def steps_of(name: str) -> list[str]:
    """Return the steps of a path such as "brand.name"; a name with other dots, such as "Tags (x...)", is one step."""
    steps = name.split(".")
    return steps if all(map(str.strip, steps)) else [name]


def _is_language(step: str) -> bool:
    return step[:2] in _LANGUAGES and (len(step) == 2 or _REGION.fullmatch(step[2:]) is not None)


def language_of(name: str) -> str:
    """Return the last step of a path if it is a language, such as "en" of "name.en"; else ""."""
    *above, last = steps_of(name)
    return last if above and _is_language(last) else ""


def core(name: str) -> str:
    """Return the step of a path that says most: "color" of "attributes.color.label.en", "brand" of "brand.name"."""
    steps = steps_of(name)
    while len(steps) > 1 and (steps[-1].lower() in _PLAIN_STEPS or _is_language(steps[-1])):
        steps.pop()
    return steps[-1]


def title_rank(name: str) -> int | None:
    """Return the place of a name among those of titles, 0 the likeliest; None if it is none."""
    bare = name.removesuffix(f".{language_of(name)}") if language_of(name) else name
    last = joined(steps_of(bare)[-1])
    return TITLES.index(last) if last in TITLES else None


def is_identifier(name: str) -> bool:
    """Return whether a column's name says that it holds identifiers, such as "Variant SKU" or "postcode"."""
    last = steps_of(name)[-1]
    return names_identifiers(name) or not _CODES.isdisjoint(words_of(last)) or last.endswith(_CODES_CHINESE)


def names_product_codes(name: str) -> bool:
    """Return whether a name says that it holds codes, which may be what people call a product."""
    return is_identifier(name) and _NO_PRODUCT_CODE.isdisjoint(words_of(name)) and not names_others(name)


def is_searched(name: str) -> bool:
    """Return whether people type the values of a column with this name into a search box."""
    words = words_of(core(name))
    if words[-1:] == ["name"] and words[0].startswith(("option", "attribute")):  # of an option, such as Size
        return False
    if names_others(name) or (is_identifier(name) and not {*words} & {"model"} and not names_identifiers(name)):
        return False
    return not _SEARCHED.isdisjoint(words) or name.endswith(_SEARCHED_CHINESE)


def names_others(name: str) -> bool:
    """Return whether a column's values name other products, as "related_skus" does."""
    return not _OTHERS.isdisjoint(words_of(name))


def says_date(name: str) -> bool:
    """Return whether a name says that its column holds dates."""
    return not _DATES.isdisjoint(words_of(name)) or name.endswith(("时间", "日期"))


def says_truth(name: str) -> bool:
    """Return whether a name says that 0 and 1 in its column mean no and yes, as "is_in_stock" does."""
    words = words_of(name)
    return name.rstrip(")").endswith(("?", "0/1")) or not _TRUTHS.isdisjoint(words[:1] + words[-1:])


def says_list(name: str) -> bool:
    """Return whether a name says that a cell of its column may hold several values."""
    words = words_of(name)
    attribute = steps_of(name)[0] == "Attribute"  # of WooCommerce
    return attribute or not _LISTS.isdisjoint(words) or names_others(name) or words[-1:] == ["s"]


def says_path(name: str) -> bool:
    """Return whether a name says that a list in its column is a path of levels, as "categoryPath.name" does."""
    return not {"path", "breadcrumb", "breadcrumbs", "hierarchy"}.isdisjoint(words_of(core(name)))


def says_category(name: str) -> bool:
    """Return whether a name says that its column holds categories."""
    return not {"category", "categories", "kategorie", "kategorien", "taxonomy"}.isdisjoint(words_of(core(name)))


def says_range(name: str) -> bool:
    """Return whether a name says that its column holds ranges of numbers, such as "1 - 50", as names of them."""
    return not _RANGES.isdisjoint(words_of(name))


def says_place(name: str) -> bool:
    """Return whether a name says that a pair of numbers in its column is a latitude and a longitude."""
    return not {"location", "geo", "geoloc", "_geo", "_geoloc", "coordinates", "latlng", "latlon"}.isdisjoint(
        words_of(name)
    )
