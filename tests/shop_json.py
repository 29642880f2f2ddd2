"""Exports of shop systems and search services as JSON, in their shapes: wrappers, nesting, localised values, lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.shop_products import ITEMS, Item


def _image(item: Item, number: int = 1) -> str:
    return f"https://cdn.example/{item.key.lower()}_{number}.jpg"


def commercetools(folder: Path) -> Path:
    """A page of products: localised texts, a master variant next to the variants, prices in cents."""
    (folder / "products.json").write_text(
        json.dumps({"limit": 20, "offset": 0, "count": len(ITEMS), "total": len(ITEMS),
                    "results": list(map(_commercetools, ITEMS))}, indent=2)
    )  # fmt: skip
    return folder / "products.json"


def _commercetools(item: Item) -> dict[str, Any]:
    def variant(number: int, size: str) -> dict[str, Any]:
        attributes = [
            {"name": "brand", "value": item.brand},
            {"name": "color", "value": {"key": item.colour, "label": {"en": item.colour, "de": item.colour.upper()}}},
            {"name": "waterproof", "value": False},
        ]
        attributes += [{"name": "size", "value": {"key": size.lower(), "label": size}}] if size else []
        return {
            "id": number,
            "sku": f"{item.key}-{size}" if size else item.key,
            "prices": [
                {"id": f"{item.key}-{number}-{code}", "value": {"type": "centPrecision", "currencyCode": code,
                 "centAmount": item.cents + 500 * (size == "XL") + more, "fractionDigits": 2}, "country": country}
                for code, country, more in (("EUR", "DE", 0), ("USD", "US", 900))
            ],
            "images": [{"url": _image(item, number), "dimensions": {"w": 800, "h": 800}}],
            "attributes": attributes,
            "assets": [],
        }  # fmt: skip

    first, *others = [variant(number, size) for number, size in enumerate(item.sizes or ("",), 1)]
    data = {
        "name": {"en": item.title, "de": f"{item.title} (deutsch)"},
        "description": {"en": item.text, "de": f"Beschreibung: {item.text}"},
        "categories": [{"typeId": "category", "id": f"cat-{item.category[-1].lower()}"}],
        "categoryOrderHints": {},
        "slug": {"en": item.title.lower().replace(" ", "-")},
        "masterVariant": first,
        "variants": others,
        "searchKeywords": {},
    }
    return {
        "id": f"b7c3a2e0-0000-4000-8000-{abs(item.cents):012d}",
        "version": 7,
        "createdAt": "2024-05-14T09:05:11.123Z",
        "lastModifiedAt": "2024-06-01T10:00:00.000Z",
        "productType": {"typeId": "product-type", "id": "pt-1"},
        "masterData": {"current": data, "staged": data, "published": True, "hasStagedChanges": False},
        "key": item.key.lower(),
        "priceMode": "Embedded",
    }


def algolia(folder: Path) -> Path:
    """Browsed records of an index, with the copies that it makes for display."""
    records = []
    for item in ITEMS:
        levels = {f"lvl{at}": " > ".join(item.category[: at + 1]) for at in range(len(item.category))}
        records.append({
            "name": item.title, "description": item.text, "brand": item.brand, "categories": list(item.category),
            "hierarchicalCategories": levels, "type": item.category[-1], "price": item.price,
            "price_range": "1 - 50" if item.price < 50 else "50 - 100", "rating": item.rating, "image": _image(item),
            "url": f"https://shop.example/{item.key}", "free_shipping": item.price > 100, "objectID": item.key,
            "popularity": item.cents % 997,
            "_highlightResult": {
                "name": {"value": f"<em>{item.title}</em>", "matchLevel": "full", "matchedWords": ["x"]},
                "categories": [{"value": item.category[0], "matchLevel": "none", "matchedWords": []}],
            },
        })  # fmt: skip
    (folder / "records.json").write_text(json.dumps(records))
    return folder / "records.json"


def typesense(folder: Path) -> Path:
    """The export of a collection: JSON lines."""
    lines = [
        json.dumps({
            "id": str(90_000 + number), "sku": item.key, "product_name": item.title, "description": item.text,
            "brand": item.brand, "categories": list(item.category), "price": item.price, "in_stock": item.stock > 0,
            "popularity": item.cents % 997, "rating": item.rating or 0, "image_url": _image(item),
            "colors": [item.colour], "created_at": 1715677511 + number, "location": [52.5, 13.4 + number / 100],
            "embedding": [0.1] * 8,
        })
        for number, item in enumerate(ITEMS)
    ]  # fmt: skip
    (folder / "products.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "products.jsonl"


def best_buy(folder: Path) -> Path:
    """A page of the products of an API: numbers as SKUs, a path of category objects."""
    products = [
        {
            "sku": 6505727 + number * 101, "name": item.title, "type": "HardGood", "startDate": "2024-05-14",
            "active": True, "regularPrice": item.price + 10, "salePrice": item.price, "onSale": False,
            "url": f"https://api.example/v1/products/{6505727 + number * 101}.json", "upc": item.gtin[:12],
            "categoryPath": [{"id": f"cat{at:05d}", "name": name} for at, name in enumerate(("All", *item.category))],
            "customerReviewCount": None if item.rating is None else 12 + number,
            "customerReviewAverage": item.rating, "manufacturer": item.brand, "modelNumber": item.key,
            "image": _image(item), "thumbnailImage": _image(item, 2), "longDescription": item.html,
            "shortDescription": None, "color": item.colour, "inStoreAvailability": item.stock > 0,
            "shippingCost": "" if number % 2 else 5.99,
            "details": [{"name": "Material", "value": "Oak" if number % 2 else "Glass"},
                        {"name": "Warranty", "value": "2 years"}],
        }
        for number, item in enumerate(ITEMS)
    ]  # fmt: skip
    page = {"from": 1, "to": len(ITEMS), "currentPage": 1, "total": len(ITEMS), "partial": False, "products": products}
    (folder / "bestbuy.json").write_text(json.dumps(page))
    return folder / "bestbuy.json"
