"""Made-up products of families whose queries name a category, a brand or a purpose, but ask for something else.

Of "iphone case" the graph of a catalogue's own fields knows "iPhone", a category of phones. What is asked for, the head
of the phrase, is in a category with another name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIELDS = {
    "title": {"type": "text", "weight": 3.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "weight": 1.0, "entity": "brand"},
    "category": {"type": "keyword", "facet": "hierarchy", "entity": "category"},
    "suits": {"type": "list", "entity": "purpose"},
}


@dataclass(frozen=True)
class Item:
    """A product. category: a path such as "Phones > iPhone". suits: for whom or for what it is made."""

    title: str
    text: str
    brand: str
    category: str
    suits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Queries, the products that they ask for, and others, of the entity that the queries name."""

    name: str
    queries: tuple[str, ...]
    wanted: tuple[Item, ...]
    others: tuple[Item, ...]


FAMILIES = (
    Family(
        "phone case",
        ("iphone case", "case for iphone", "leather case for iphone"),
        (
            Item("Silicone Back Cover Case for iPhone 7", "Black, slim.", "Tolva", "Accessories > Covers"),
            Item("Flip Case, fits iPhone 6", "Leather look, card slot.", "Brenn", "Accessories > Covers"),
            Item("Transparent TPU Case iPhone X", "Soft edges.", "Ostra", "Accessories > Covers"),
            Item("Leather Wallet Case, iPhone 8", "Brown.", "Kelm", "Accessories > Covers"),
        ),
        (
            Item("Apple iPhone 7 32GB Black", "12 MP camera. Price 700.", "Apple", "Phones > iPhone"),
            Item("Apple iPhone 6s 64GB Gold", "Add a case to protect it. Price 620.", "Apple", "Phones > iPhone"),
            Item("Apple iPhone X 256GB Silver", "Face ID. Price 999.", "Apple", "Phones > iPhone"),
            Item("Apple iPhone 8 64GB Red", "Wireless charging; leather case sold apart.", "Apple", "Phones > iPhone"),
            Item("iPhone SE 32GB Refurbished", "Tested, 12 months warranty.", "Apple", "Phones > iPhone"),
        ),
    ),
    Family(
        "bath soap",
        ("baby bath soap", "soap for baby bath", "baby soap"),
        (
            Item("Baby Soap Bar 75 g", "Mild, with milk.", "Mimo", "Skin Care > Cleansing Bars"),
            Item("Gentle Soap for Babies, Olive", "No perfume.", "Pura", "Skin Care > Cleansing Bars"),
            Item("Baby Bath Soap Pack of 4", "Almond oil.", "Nanni", "Skin Care > Cleansing Bars"),
            Item("Bathing Soap with Calendula", "For baby and mother.", "Lulla", "Skin Care > Cleansing Bars"),
        ),
        (
            Item("Baby Bath Tub with Plug", "Non-slip, with a soap tray.", "Mimo", "Baby > Bath"),
            Item("Hooded Baby Towel", "Soft cotton, 80 cm.", "Plush", "Baby > Bath"),
            Item("Rubber Ducks, Set of 3", "Fun at bath time.", "Quacko", "Baby > Bath"),
            Item("Bath Thermometer Fish", "Shows if the water is too hot.", "Mimo", "Baby > Bath"),
            Item("Baby Bath Seat", "With four suction cups.", "Plush", "Baby > Bath"),
        ),
    ),
    Family(
        "shampoo for hair fall",
        ("shampoo for hair fall", "hair fall shampoo", "shampoo for dry hair"),
        (
            Item("Hair Fall Control Shampoo 180 ml", "With onion seed.", "Verda", "Hair Care > Wash"),
            Item("Anti Hairfall Shampoo, Bhringraj", "340 ml.", "Silka", "Hair Care > Wash"),
            Item("Shampoo Hair Fall Defence", "Women, 200 ml.", "Rooty", "Hair Care > Wash"),
            Item("Argan Shampoo for Dry Hair and Hair Fall", "250 ml.", "Herbo", "Hair Care > Wash"),
        ),
        (
            Item("Dog Shampoo with Oatmeal", "Calms itchy skin.", "Doggo", "Pets > Grooming > Shampoo"),
            Item("Puppy Shampoo, Tearless", "For young dogs; their hair shines.", "Doggo", "Pets > Grooming > Shampoo"),
            Item("Anti Flea Dog Shampoo", "For short and long hair.", "Fido", "Pets > Grooming > Shampoo"),
            Item("Horse Shampoo 1 l", "For mane and tail hair.", "Galop", "Pets > Grooming > Shampoo"),
        ),
    ),
    Family(
        "laptop bag",
        ("laptop bag", "bag for laptop", "zenit laptop bag"),
        (
            Item("Office Messenger Bag for 15.6 Laptop", "Grey polyester.", "Trekko", "Luggage > Messengers"),
            Item("Laptop Sleeve Bag 14 inch", "Neoprene.", "Basto", "Luggage > Messengers"),
            Item("Leather Laptop Bag", "Brown.", "Maro", "Luggage > Messengers"),
            Item("Shoulder Bag, fits Laptop 13", "Also for the Zenit Slim.", "Urba", "Luggage > Messengers"),
        ),
        (
            Item("Zenit Book 15.6, 8 GB RAM", "For work; with a free bag.", "Zenit", "Computers > Laptop"),
            Item("Zenit Slim 14, 16 GB RAM", "Thin and light.", "Zenit", "Computers > Laptop"),
            Item("Zenit Gamer 17", "Fast graphics.", "Zenit", "Computers > Laptop"),
            Item("Orvo Notebook 13 Laptop", "All day battery.", "Orvo", "Computers > Laptop"),
        ),
    ),
    Family(
        "coffee mug",
        ("coffee mug", "mug for coffee", "ceramic coffee mug"),
        (
            Item("Ceramic Mug Best Dad, Coffee 325 ml", "Printed.", "Printo", "Kitchen > Drinkware"),
            Item("Coffee Mug 350 ml Blue", "Ceramic, glazed.", "Kafo", "Kitchen > Drinkware"),
            Item("Stoneware Coffee Mugs, Set of 2", "Grey.", "Terra", "Kitchen > Drinkware"),
            Item("Travel Mug for Coffee", "Steel, 400 ml.", "Lumi", "Kitchen > Drinkware"),
        ),
        (
            Item("Ground Coffee 250 g", "Dark roast. Serve in a warm mug.", "Monte", "Groceries > Coffee"),
            Item("Instant Coffee Sachets x 20", "One sachet for a mug.", "Monte", "Groceries > Coffee"),
            Item("Espresso Beans 1 kg", "Chocolate notes.", "Barra", "Groceries > Coffee"),
            Item("Decaf Capsules, 30 pieces", "For all machines.", "Barra", "Groceries > Coffee"),
        ),
    ),
    Family(
        "camera battery",
        ("canon camera battery", "battery for canon camera", "canon battery"),
        (
            Item("LP-E10 Battery for Canon Camera", "860 mAh.", "Powra", "Power > Cells"),
            Item("Camera Battery NB-11L", "Lithium, for Canon.", "Digi", "Power > Cells"),
            Item("Rechargeable Battery, Canon LP-E17", "1040 mAh.", "Ampa", "Power > Cells"),
            Item("Camera Battery Twin Pack", "Fits Canon EOS.", "Volta", "Power > Cells"),
        ),
        (
            Item("Canon EOS 1300D Kit", "18 MP; battery lasts 500 shots.", "Canon", "Photo > Camera"),
            Item("Canon PowerShot Compact", "Zoom 40x.", "Canon", "Photo > Camera"),
            Item("Canon EOS M50 Mirrorless", "4K video, battery and charger included.", "Canon", "Photo > Camera"),
            Item("Canon Pixma Printer", "Wireless.", "Canon", "Office > Printers"),
            Item("Nikor D3500 DSLR", "24 MP.", "Nikor", "Photo > Camera"),
        ),
    ),
    Family(
        "dog brush",
        ("dog hair brush", "brush for dog hair", "dog brush"),
        (
            Item("Slicker Brush for Dog Hair", "Steel pins.", "Fido", "Pets > Combs"),
            Item("Soft Grooming Brush, Dog and Cat", "Wood handle.", "Galop", "Pets > Combs"),
            Item("Dog Brush with Two Sides", "Bristles and pins.", "Doggo", "Pets > Combs"),
            Item("Shedding Brush for Long Hair", "For dogs.", "Furo", "Pets > Combs"),
        ),
        (
            Item("Dry Food with Chicken 3 kg", "For a shiny coat and hair.", "Doggo", "Pets > Food", ("Dog",)),
            Item("Chew Bone, Large", "Cleans teeth like a brush.", "Doggo", "Pets > Toys", ("Dog",)),
            Item("Leash 2 m", "Nylon.", "Fido", "Pets > Walking", ("Dog",)),
            Item("Rain Coat M", "Reflective.", "Furo", "Pets > Walking", ("Dog",)),
            Item("Plush Bed 80 cm", "Hair is easy to remove.", "Plush", "Pets > Beds", ("Dog",)),
        ),
    ),
    Family(
        "table cloth",
        ("dining table cloth", "cloth for dining table", "table cloth"),
        (
            Item("Table Cloth 4 Seater, Cotton", "Checks.", "Linea", "Textiles > Linen"),
            Item("Waxed Cloth for Dining Table", "Wipes clean.", "Mesa", "Textiles > Linen"),
            Item("Jute Cloth, Table 6 Seater", "Natural.", "Linea", "Textiles > Linen"),
            Item("Festive Table Cloth Red", "For the dining room.", "Mesa", "Textiles > Linen"),
        ),
        (
            Item("Sheesha 4 Seater, Walnut", "Wood. Wipe with a dry cloth.", "Sheesha", "Furniture > Dining Table"),
            Item("Rondo Round, Glass Top", "For four.", "Rondo", "Furniture > Dining Table"),
            Item("Folding Dining Table", "4 seater.", "Fala", "Furniture > Dining Table"),
            Item("Oak Table 6 Seater", "Solid.", "Oakra", "Furniture > Dining Table"),
        ),
    ),
    Family(
        "bicycle helmet",
        ("bicycle helmet", "helmet for kids bicycle", "kids bicycle helmet"),
        (
            Item("Kids Helmet for Bicycle and Skates", "Size S.", "Zoom", "Sports > Protection"),
            Item("Cycling Helmet Black", "Adult, for each bicycle.", "Rida", "Sports > Protection"),
            Item("Bicycle Helmet Blue with Vents", "58 cm.", "Helmo", "Sports > Protection"),
            Item("Bike Helmet, Children", "Adjustable, for the first bicycle.", "Tiko", "Sports > Protection"),
        ),
        (
            Item("Kids 16 inch with Training Wheels", "Wear a helmet.", "Rida", "Vehicles > Bicycle"),
            Item("City 28 inch, 7 Gears", "Basket in front.", "Rida", "Vehicles > Bicycle"),
            Item("Mountain Bicycle 27.5", "Disc brakes.", "Monta", "Vehicles > Bicycle"),
            Item("Balance Bike for Toddlers", "Wood.", "Tiko", "Vehicles > Bicycle"),
        ),
    ),
    Family(
        "wine glasses",
        ("wine glasses", "glasses for red wine", "red wine glasses"),
        (
            Item("Wine Glasses, Set of 6", "450 ml.", "Cristo", "Kitchen > Stemware"),
            Item("Crystal Glasses for Wine", "2 pieces.", "Vina", "Kitchen > Stemware"),
            Item("Red Wine Glasses, Large", "Set of 4.", "Bord", "Kitchen > Stemware"),
            Item("Stemless Wine Glasses", "500 ml.", "Cristo", "Kitchen > Stemware"),
        ),
        (
            Item("Merlot 750 ml", "Red. Serve in large glasses.", "Chate", "Drinks > Wine"),
            Item("Riesling Dry 750 ml", "White.", "Chate", "Drinks > Wine"),
            Item("Rosé 2019", "Fruity.", "Prova", "Drinks > Wine"),
            Item("Red Blend, Box 3 l", "Fills twenty glasses.", "Prova", "Drinks > Wine"),
        ),
    ),
    Family(
        "printer ink",
        ("printer ink", "ink for canon printer", "black printer ink"),
        (
            Item("Ink Cartridge Black for Printer PG-47", "15 ml.", "Inko", "Office > Consumables"),
            Item("Printer Ink Refill Set", "Four colours.", "Colorfill", "Office > Consumables"),
            Item("Black Ink for Canon Printer", "100 ml bottle.", "Inko", "Office > Consumables"),
            Item("Ink Bottle Cyan, Printer L130", "70 ml.", "Epsa", "Office > Consumables"),
        ),
        (
            Item("Pixo 3000 All in One", "Prints, scans. Ink included.", "Epsa", "Office > Printer"),
            Item("LaserJet Mono", "30 pages a minute, black.", "Hape", "Office > Printer"),
            Item("Photo Printer Pocket", "Zink paper.", "Hape", "Office > Printer"),
            Item("Label Printer Thermal", "No ink is needed.", "Labello", "Office > Printer"),
        ),
    ),
    Family(
        "car charger",
        ("samsung charger", "charger for samsung phone", "samsung fast charger"),
        (
            Item("Fast Charger for Samsung, 25 W", "USB-C.", "Volta", "Power > Adapters"),
            Item("Travel Charger with Cable", "For Samsung and others.", "Ampo", "Power > Adapters"),
            Item("Dual Charger, Samsung Phone", "2 ports.", "Jolt", "Power > Adapters"),
            Item("Wireless Charger Pad", "Works with Samsung.", "Ampo", "Power > Adapters"),
        ),
        (
            Item("Galaxy A5 Phone", "In the box: a fast charger.", "Samsung", "Phones > Android"),
            Item("Galaxy S9 64 GB", "5.8 inch.", "Samsung", "Phones > Android"),
            Item("Smart TV 43 inch", "4K.", "Samsung", "TV > Screens"),
            Item("Earbuds White", "With charger case.", "Samsung", "Audio > Earbuds"),
            Item("Tab A 10 inch", "Fast, with pen.", "Samsung", "Phones > Tablets"),
        ),
    ),
    Family(
        "手机壳",
        ("手机壳", "苹果手机壳", "透明手机壳"),
        (
            Item("手机壳 透明 硅胶", "防摔,适用苹果。", "图拉", "配件 > 保护套"),
            Item("苹果手机壳 黑色", "磨砂。", "布伦", "配件 > 保护套"),
            Item("皮革手机壳", "卡槽,棕色。", "科尔", "配件 > 保护套"),
        ),
        (
            Item("苹果 64GB 黑色", "双摄,送手机壳。", "苹果", "数码 > 手机"),
            Item("星云 128GB 银色", "大屏手机。", "星云", "数码 > 手机"),
            Item("老人手机 大字", "待机长。", "星云", "数码 > 手机"),
            Item("苹果 256GB 透明版", "限量。", "苹果", "数码 > 手机"),
        ),
    ),
    Family(
        "婴儿沐浴露",
        ("婴儿沐浴露", "婴儿 沐浴露", "宝宝婴儿沐浴露"),
        (
            Item("婴儿沐浴露 无泪 500ml", "温和。", "米莫", "个护 > 清洁"),
            Item("沐浴露 宝宝婴儿专用", "牛奶香。", "普拉", "个护 > 清洁"),
            Item("燕麦婴儿洗发沐浴露 二合一", "敏感肌。", "娜妮", "个护 > 清洁"),
        ),
        (
            Item("婴儿浴盆", "可放沐浴露。", "米莫", "母婴 > 婴儿"),
            Item("婴儿连体衣 纯棉", "四季。", "小熊", "母婴 > 婴儿"),
            Item("纸尿裤 M码", "透气。", "小熊", "母婴 > 婴儿"),
            Item("婴儿推车 折叠", "轻便。", "米莫", "母婴 > 婴儿"),
        ),
    ),
)
# Products of the same kinds of fields that no query is about.
FILLER = tuple(
    Item(f"{brand} {thing} {n}", f"{text} No. {n}.", brand, category)
    for n, (brand, (thing, text, category)) in enumerate(
        (brand, kind)
        for brand in ("Amber", "Birch", "Cedar", "Dune", "Elm", "Fern")
        for kind in (
            ("Notebook", "200 pages, ruled.", "Office > Paper"),
            ("Wall Clock", "Quartz, 30 cm.", "Home > Clocks"),
            ("T-Shirt", "Cotton, regular fit.", "Fashion > Tops"),
            ("Kitchen Knife", "Steel, 20 cm blade.", "Kitchen > Knives"),
            ("Bed Sheet", "Double, 2 pillow covers.", "Textiles > Sheets"),
            ("Garden Hose", "15 m.", "Garden > Watering"),
            ("Ball Pen Set", "Blue.", "Office > Pens"),
            ("Yoga Mat", "6 mm.", "Sports > Yoga"),
            ("Umbrella", "Opens itself.", "Fashion > Rain"),
            ("Desk Lamp", "LED.", "Home > Lamps"),
        )
    )
)


def catalogue() -> Iterator[dict[str, Any]]:
    """Yield all products as records: the id begins with the family, then "wanted" or "other"."""
    for family in FAMILIES:
        for kind, items in (("wanted", family.wanted), ("other", family.others)):
            yield from (_record(f"{family.name}/{kind}{n}", item) for n, item in enumerate(items))
    yield from (_record(f"filler/{n}", item) for n, item in enumerate(FILLER))


def _record(name: str, item: Item) -> dict[str, Any]:
    return {"id": name, "title": item.title, "text": item.text, "brand": item.brand, "category": item.category,
            "suits": list(item.suits)}  # fmt: skip
