"""Exports of shop systems as tables, in their shapes: headers, continuation rows, delimiters, quotes, encodings."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.shop_products import ITEMS, Item

SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,"
    "Variant Inventory Qty,Variant Inventory Policy,Variant Fulfillment Service,Variant Price,"
    "Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,"
    "Image Alt Text,Gift Card,SEO Title,SEO Description,Google Shopping / Google Product Category,Variant Image,"
    "Variant Weight Unit,Variant Tax Code,Cost per item,Status"
)
WOOCOMMERCE = (
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,"
    "Date sale price starts,Date sale price ends,Tax status,Tax class,In stock?,Stock,Low stock amount,"
    "Backorders allowed?,Sold individually?,Weight (kg),Length (cm),Width (cm),Height (cm),Allow customer reviews?,"
    "Purchase note,Sale price,Regular price,Categories,Tags,Shipping class,Images,Download limit,"
    "Download expiry days,Parent,Grouped products,Upsells,Cross-sells,External URL,Button text,Position,"
    "Attribute 1 name,Attribute 1 value(s),Attribute 1 visible,Attribute 1 global"
)
MAGENTO = (
    "sku,_store,store_view_code,attribute_set_code,product_type,categories,product_websites,name,description,"
    "short_description,weight,product_online,tax_class_name,visibility,price,special_price,url_key,meta_title,"
    "base_image,created_at,updated_at,additional_attributes,qty,is_in_stock,related_skus,configurable_variations,"
    "configurable_variation_labels"
)
ICECAT = (
    "path\tProduct_ID\tUpdated\tQuality\tSupplier_id\tSupplier\tProd_ID\tCatid\tCategory\tM_Prod_ID\tEAN_UPCS\t"
    "On_Market\tModel_Name\tProduct_View\tHighPic\tHighPicSize"
)
PRESTASHOP = (
    "Product ID;Active (0/1);Name *;Categories (x,y,z...);Price tax excluded;Tax rules ID;Reference #;Manufacturer;"
    "EAN13;Quantity;Short description;Description;Tags (x,y,z...);Image URLs (x,y,z...);Feature(Name:Value:Position)"
)
MERCHANT = (
    "id\ttitle\tdescription\tlink\timage_link\tadditional_image_link\tavailability\tprice\tsale_price\tbrand\tgtin\t"
    "item_group_id\tgoogle_product_category\tproduct_type\tcolor\tsize\tcondition\tidentifier_exists\tshipping"
)


def _table(path: Path, header: str, rows: Sequence[Mapping[str, object]], delimiter: str = ",", **how: str) -> Path:
    """Write a table whose cells are quoted where they must be; how: its encoding."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(delimiter), restval="", delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(how.get("encoding", "utf-8")))
    return path


def _image(item: Item, number: int = 1) -> str:
    return f"https://cdn.example/{item.key.lower()}_{number}.jpg?v=17"


def shopify(folder: Path) -> Path:
    """Products with continuation rows: of variants, and of further images."""
    rows: list[dict[str, object]] = []
    for item in ITEMS:
        handle = item.title.lower().replace(" ", "-").replace('"', "")
        for number, size in enumerate(item.sizes or ("Default Title",)):
            rows.append({
                "Handle": handle, "Option1 Value": size, "Variant Grams": 200 + number,
                "Variant SKU": f"{item.key}-{size}" if item.sizes else item.key,
                "Variant Inventory Tracker": "shopify", "Variant Inventory Qty": item.stock + number,
                "Variant Inventory Policy": "deny", "Variant Fulfillment Service": "manual",
                "Variant Price": f"{item.price + 5 * (size == 'XL'):.2f}", "Variant Requires Shipping": "true",
                "Variant Taxable": "true", "Variant Barcode": f"'{item.gtin}" if number == 0 else "",
                "Variant Weight Unit": "kg",
            })  # fmt: skip
            if number == 0:
                rows[-1] |= {
                    "Title": item.title, "Body (HTML)": item.html, "Vendor": item.brand, "Type": item.category[-1],
                    "Product Category": " > ".join(item.category), "Tags": f"{item.colour}, new", "Published": "true",
                    "Option1 Name": "Size" if item.sizes else "Title", "Image Src": _image(item), "Image Position": 1,
                    "Image Alt Text": f"{item.title} from the front, in {item.colour}",
                    "Gift Card": "false", "SEO Title": item.title, "Status": "active",
                }  # fmt: skip
        rows.append({"Handle": handle, "Image Src": _image(item, 2), "Image Position": 2,
                     "Image Alt Text": f"{item.title} from the back, in {item.colour}"})  # fmt: skip
    return _table(folder / "products_export_1.csv", SHOPIFY, rows, encoding="utf-8-sig")


def woocommerce(folder: Path) -> Path:
    """Simple products, and variable ones whose variations name their parent's SKU."""
    rows: list[dict[str, object]] = []
    for number, item in enumerate(ITEMS):
        first = 100 + 10 * number
        common = {
            "Published": 1, "Is featured?": 0, "Visibility in catalog": "visible", "Tax status": "taxable",
            "In stock?": int(item.stock > 0), "Backorders allowed?": 0, "Sold individually?": 0,
            "Allow customer reviews?": 1, "Position": 0,
        }  # fmt: skip
        paths = [" > ".join(item.category), f"Brands > {item.brand.replace(',', '')}"]
        rows.append(common | {
            "ID": first, "Type": "variable" if item.sizes else "simple", "SKU": item.key, "Name": item.title,
            "Short description": f"<p>{item.text}</p>", "Description": item.html, "Categories": ", ".join(paths),
            "Tags": f"{item.colour}, new", "Images": f"{_image(item)}, {_image(item, 2)}",
            "Regular price": "" if item.sizes else f"{item.price:.2f}".removesuffix(".00"),
            "Sale price": "19.9" if item.key == "MR-SCARF" else "", "Weight (kg)": ".2" if number else "",
            "Attribute 1 name": "Size" if item.sizes else "Colour", "Attribute 1 visible": 1, "Attribute 1 global": 1,
            "Attribute 1 value(s)": ", ".join(item.sizes) or item.colour,
        })  # fmt: skip
        for at, size in enumerate(item.sizes, 1):
            rows.append(common | {
                "ID": first + at, "Type": "variation", "SKU": f"{item.key}-{size}", "Name": f"{item.title} - {size}",
                "Parent": item.key, "Regular price": f"{item.price + 5 * (size == 'XL'):.2f}", "Position": at,
                "Tax class": "parent", "Attribute 1 name": "Size", "Attribute 1 value(s)": size,
                "Attribute 1 global": 1, "Images": _image(item, at),
            })  # fmt: skip
    return _table(folder / "wc-product-export.csv", WOOCOMMERCE, rows)


def magento(folder: Path) -> Path:
    """Simple products, of which configurable ones name their variants below them; categories are paths with slashes.

    Further attributes are in one cell.
    """
    rows: list[dict[str, object]] = []
    for item in ITEMS:
        path = "Default Category"
        paths = [path := f"{path}/{level}" for level in item.category]
        for size in (*item.sizes, ""):
            key, title = (f"{item.key}-{size}", f"{item.title}-{size}") if size else (item.key, item.title)
            attributes = f"color={item.colour},manufacturer={item.brand},activity=Home|Office,eco=Yes"
            configurable = bool(item.sizes and not size)
            rows.append({
                "sku": key, "attribute_set_code": "Default", "categories": ",".join(paths), "product_websites": "base",
                "product_type": "configurable" if configurable else "simple", "name": title, "description": item.html,
                "short_description": item.text, "weight": "" if configurable else "1.0000", "product_online": 1,
                "tax_class_name": "Taxable Goods", "price": "" if configurable else f"{item.price:.4f}",
                "visibility": "Not Visible Individually" if size else "Catalog, Search",
                "url_key": title.lower().replace(" ", "-"), "meta_title": title, "base_image": f"/{item.key}.jpg",
                "created_at": "5/14/24, 9:05 AM", "updated_at": "5/14/24, 9:05 AM",
                "additional_attributes": attributes + (f",size={size}" if size else ""),
                "qty": f"{item.stock}.0000", "is_in_stock": int(item.stock > 0), "related_skus": "VL-1042,KS-0071",
                "configurable_variations": "|".join(f"sku={item.key}-{one},size={one}" for one in item.sizes)
                if configurable else "",
                "configurable_variation_labels": "size=Size" if configurable else "",
            })  # fmt: skip
    return _table(folder / "catalog_product.csv", MAGENTO, rows)


def magento_products(folder: Path) -> Path:
    """The same without the rows of variants, as an export of visible products is."""
    path = magento(folder)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["visibility"] != "Not Visible Individually"]
    return _table(path, MAGENTO, rows)


def prestashop(folder: Path) -> Path:
    """Semicolons; features are in one cell, with their positions."""
    rows: list[dict[str, object]] = []
    for number, item in enumerate(ITEMS, 1):
        rows.append({
            "Product ID": number, "Active (0/1)": 1, "Name *": item.title, "Reference #": item.key,
            "Categories (x,y,z...)": ",".join(item.category), "Price tax excluded": f"{item.price:.6f}",
            "Tax rules ID": 1, "Manufacturer": item.brand, "EAN13": item.gtin, "Quantity": item.stock,
            "Short description": item.text, "Description": item.html, "Tags (x,y,z...)": f"{item.colour},new",
            "Image URLs (x,y,z...)": f"{_image(item)},{_image(item, 2)}",
            "Feature(Name:Value:Position)": f"Colour:{item.colour}:1,Made in:Portugal:2,Colour:{item.colour}:3",
        })  # fmt: skip
    return _table(folder / "products.csv", PRESTASHOP, rows, ";")


def icecat(folder: Path) -> Path:
    """The index of data sheets: tabs, no quotes around cells, several EANs in a cell."""
    lines = [ICECAT]
    for number, item in enumerate(ITEMS):
        eans = f"{item.gtin};0{item.gtin[2:13]}" if number % 3 else item.gtin
        lines.append("\t".join((
            f"export/freexml.int/INT/{9000 + number}.xml", str(9000 + number), "20240514120000", "ICECAT", "27",
            item.brand, item.key, str(150 + number % 4), item.category[-1], "", eans, "1", item.title,
            str(1000 + number * 37), f"https://images.example/{9000 + number}.jpg", "45012",
        )))  # fmt: skip
    (folder / "files.index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "files.index.csv"


def merchant(folder: Path) -> Path:
    """A feed for Google Merchant Center; variants name their group."""
    rows: list[dict[str, object]] = []
    for item in ITEMS:
        for size in item.sizes or ("",):
            key = f"{item.key}-{size}" if size else item.key
            rows.append({
                "id": key, "title": f"{item.title} {size}".strip(), "description": item.html, "color": item.colour,
                "link": f"https://shop.example/p/{key}", "image_link": _image(item), "brand": item.brand,
                "additional_image_link": f"{_image(item, 2)},{_image(item, 3)}", "size": size, "condition": "new",
                "availability": "in_stock" if item.stock else "out_of_stock", "price": f"{item.price:.2f} USD",
                "gtin": item.gtin if not size else "", "item_group_id": item.key if size else "",
                "sale_price": "19.90 USD" if item.key == "MR-SCARF" else "",
                "google_product_category": " > ".join(item.category), "product_type": " > ".join(item.category),
                "identifier_exists": "no" if size else "yes", "shipping": "US:::5.00 USD",
            })  # fmt: skip
    return _table(folder / "feed.tsv", MERCHANT, rows, "\t")


CHINESE = (
    ("10045871", "星岚加厚羊毛毯子", "柔软的羊毛毯子,适合冬天使用", "¥469元", "星岚", "家居>床上用品>毯子", "驼色"),
    ("10045872", "星岚纯棉四件套", "纯棉面料,一米八双人床", "¥329元", "星岚", "家居>床上用品>套件", "灰色"),
    ("10045873", "木鹿静音挂钟", "客厅用的静音挂钟,橡木边框", "¥158元", "木鹿", "家居>钟表>挂钟", "橡木色"),
    ("10045874", "木鹿橡木台灯", "护眼台灯,三档亮度", "¥1,299元", "木鹿", "家居>灯具>台灯", "橡木色"),
    ("10045875", "澜声降噪耳机", "头戴式无线耳机,续航三十小时", "¥899元", "澜声", "数码>影音>耳机", "黑色"),
    ("10045876", "澜声便携音箱", "防水便携音箱,低音饱满", "¥259.5元", "澜声", "数码>影音>音箱", "蓝色"),
    ("10045877", "禾田龙井绿茶", "明前龙井,二百克罐装", "¥188元", "禾田", "食品>茶叶>绿茶", ""),
    ("10045878", "禾田茉莉花茶", "茉莉花茶,香气清新", "¥78元", "禾田", "食品>茶叶>花茶", ""),
    ("10045879", "云步轻便跑鞋", "透气网面跑鞋,适合长跑", "¥399元", "云步", "服饰>鞋>跑鞋", "白色"),
    ("10045880", "云步防水登山鞋", "防水登山鞋,鞋底防滑", "¥659元", "云步", "服饰>鞋>登山鞋", "棕色"),
)


def chinese(folder: Path) -> Path:
    """A table in GB18030, with prices in yuan."""
    header = "商品编号,商品名称,商品描述,价格,品牌,类目,颜色,是否上架,库存,上架时间,备注"
    rows = [
        dict(zip(header.split(",")[:7], row, strict=True))
        | {"是否上架": "是" if number % 4 else "否", "库存": number * 3, "上架时间": f"2024/5/{number + 1}"}
        for number, row in enumerate(CHINESE)
    ]
    return _table(folder / "商品导出.csv", header, rows, encoding="gb18030")
