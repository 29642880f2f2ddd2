"""A small made-up catalogue, which the exports of shop systems in the tests are written from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """A product. sizes: of its variants (none: it has no variants). cents: its price."""

    key: str
    title: str
    text: str
    brand: str
    colour: str
    category: tuple[str, ...]
    cents: int
    sizes: tuple[str, ...] = ()
    stock: int = 5
    rating: float | None = None

    @property
    def price(self) -> float:
        """The price in whole units of its currency."""
        return self.cents / 100

    @property
    def html(self) -> str:
        """The text as shops write it."""
        return (
            f'<p>{self.text}</p>\n<ul><li>Made for <strong>{self.brand}</strong> &amp; friends</li></ul><br data-x="1">'
        )

    @property
    def gtin(self) -> str:
        """A number of 13 digits."""
        return f"40{sum(map(ord, self.title)) * 7919 % 10**11:011d}"


ITEMS = (
    Item("VL-1042", "Oak reading lamp", "A reading lamp with a brass arm and a long fabric cable.", "Velorin", "oak",
         ("Home", "Lighting", "Table lamps"), 8900, rating=4.5),
    Item("VL-2210", "Paper pendant light", "A round pendant light of rice paper for the dining table.", "Velorin",
         "white", ("Home", "Lighting", "Pendant lights"), 4950, stock=0),
    Item("KS-0071", "Three-legged oak stool", "A stool of solid oak with an oiled seat.", "Kestrio", "oak",
         ("Home", "Furniture", "Stools"), 12900, rating=3.8),
    Item("KS-0305", "Walnut side table", "A side table with a drawer and slender legs.", "Kestrio", "walnut",
         ("Home", "Furniture", "Tables"), 102900),
    Item("MR-CARD", "Plum cardigan", "A soft cardigan of merino wool with horn buttons.", "Marlow & Rye", "plum",
         ("Clothing", "Knitwear"), 6000, ("S", "M", "L", "XL"), rating=4.1),
    Item("MR-SCARF", "Moss scarf", "A warm scarf of lambswool, woven in a mill by the sea.", "Marlow & Rye", "green",
         ("Clothing", "Accessories"), 3450),
    Item("MR-TEE", "Heavy cotton T-shirt", "A T-shirt of heavy organic cotton that keeps its shape.", "Marlow & Rye",
         "black", ("Clothing", "Shirts"), 2500, ("S", "M", "L")),
    Item("TN-XM5", "Tonavo WH-1000XM5 headphones", "Wireless headphones that cancel noise, with 30 hours of playing.",
         "Tonavo", "silver", ("Electronics", "Audio", "Headphones"), 34999, rating=4.7),
    Item("TN-M27", 'Tonavo 27" monitor', "A 27 inch monitor with 1440 lines and a stand that turns.", "Tonavo", "black",
         ("Electronics", "Computers", "Monitors"), 27900, stock=0, rating=4.0),
    Item("TN-KB8", "Quiet keyboard", "A low keyboard with quiet switches for shared offices.", "Tonavo", "black",
         ("Electronics", "Computers", "Keyboards"), 7995),
    Item("GL-TEA1", "Glass teapot 1.2 l", "A teapot of glass with a strainer, safe for the stove.", "Glasbruk", "clear",
         ("Home", "Kitchen", "Teapots"), 3200),
    Item("GL-CUP4", "Set of four espresso cups", "Four cups with double walls, each 80 ml.", "Glasbruk", "clear",
         ("Home", "Kitchen", "Cups"), 2850, rating=4.9),
)  # fmt: skip
