"""Numbers and quantities in Chinese texts, with the index terms of the other ways to write them.

三千五百毫升, 3500毫升, 3.5升 → 3500ml    半斤, 250克 → 250g    一米八, 1.8米 → 1800mm    二十块, 20元, 20 RMB → 20元
两百 → 200    一百五 → 150    2万毫安 → 20000mah    四件套 → 4    二零二四年 → 2024    60×90厘米 → 600x900mm

These terms are added to those of the text as written, which is cut as if they were not there. Only numerals in front of
a unit, numerals of at least two characters (十二, not 一 or 百), and single ones in front of a few words that count
(件套) are numbers, and none that is a part of a word of the dictionary: 一次性, 三星, 五金, 七匹狼, 万能, 百货, 千岛湖.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from clew.core.chinese import HAN_RUN, words
from clew.core.han_numerals import DIGITS, NUMERALS, PLACES, number_of, year_of
from clew.core.quantities import NUMBER, SIGN, Amount, dimensions, measure

# Unit → (unit of `clew.core.quantities`, how many of them). 寸 is what shops call an inch.
_UNITS: dict[str, tuple[str, float]] = {
    "毫米": ("mm", 1), "公厘": ("mm", 1), "厘米": ("cm", 1), "公分": ("cm", 1), "分米": ("mm", 100), "米": ("m", 1),
    "公尺": ("m", 1), "千米": ("km", 1), "公里": ("km", 1), "英寸": ("in", 1), "寸": ("in", 1), "吋": ("in", 1),
    "英尺": ("ft", 1), "呎": ("ft", 1),
    "毫克": ("mg", 1), "克": ("g", 1), "公克": ("g", 1), "千克": ("kg", 1), "公斤": ("kg", 1), "斤": ("g", 500),
    "市斤": ("g", 500), "吨": ("kg", 1000), "磅": ("lb", 1), "盎司": ("oz", 1),
    "毫升": ("ml", 1), "升": ("l", 1), "公升": ("l", 1), "加仑": ("gal", 1),
    "瓦": ("w", 1), "瓦特": ("w", 1), "千瓦": ("kw", 1), "瓦时": ("wh", 1), "千瓦时": ("kwh", 1),
    "伏": ("v", 1), "伏特": ("v", 1), "安": ("amp", 1), "安培": ("amp", 1),
    "毫安": ("mah", 1), "毫安时": ("mah", 1), "安时": ("ah", 1),
    "赫": ("hz", 1), "赫兹": ("hz", 1), "千赫": ("khz", 1), "千赫兹": ("khz", 1), "兆赫": ("mhz", 1),
    "兆赫兹": ("mhz", 1), "吉赫": ("ghz", 1), "吉赫兹": ("ghz", 1),
    "元": ("yuan", 1), "块": ("yuan", 1), "块钱": ("yuan", 1),
}  # fmt: skip
_OTHER = "(?=$|[^\u3400-\u9fff]"
# 块 is also a piece, 三元 a brand, 安 and digits behind 米 begin other words: they are units only in front of these.
_OF_PRICE = "以|之内|左右|上下|内|多|的|起|包邮"
_PRICE_ENDS = f"{_OTHER}|{_OF_PRICE})"
_LENGTH_ENDS = f"{_OTHER}|[的床长宽高深厚大款左以乘加双单榻])"
_CURRENT_ENDS = f"{_OTHER}|[插电的空断快充])"

_LONE = {"元", "块", "安"}
_UNIT = "|".join(sorted(_UNITS.keys() - _LONE, key=len, reverse=True))
_LATIN = "(?<![a-z0-9.,])"
_AMOUNT = rf"{_LATIN}{NUMBER}[{PLACES}]??|(?<![{NUMERALS}])[{NUMERALS}]++(?:点[{DIGITS}]+)?|半"
_QUANTITY = re.compile(
    rf"(?P<amount>{_AMOUNT})[ -]?(?:"
    rf"(?P<whole>米)(?P<tenths>[一二三四五六七八九]{{1,2}}|\d{{1,2}}){_LENGTH_ENDS}"
    rf"|(?P<price>块)(?P<tenth>[一二三四五六七八九]|\d)[毛角]?{_PRICE_ENDS}"
    rf"|(?P<unit>{_UNIT}|元|块{_PRICE_ENDS}|安{_CURRENT_ENDS})(?P<half>半)?)"
)
_BRAND = re.compile(f"[{DIGITS}]元(?!{_OF_PRICE})")
_SIDE = rf"{NUMBER} ?(?:{_UNIT})?"
_DIMENSIONS = re.compile(rf"{_LATIN}{_SIDE}(?:(?:{SIGN}| ?乘 ?){_SIDE}){{1,3}}(?<=[\u3400-\u9fff])")
_SIDES = re.compile(rf"(?P<amount>{NUMBER}) ?(?P<unit>{_UNIT})?")
_COUNTED = "件套|[只支片双条个件瓶袋盒罐卷枚张]装|[段层座门孔轮核]"
_COUNT = re.compile(
    rf"(?<![{NUMERALS}])(?P<year>[{DIGITS}]{{4}})(?=[年款])"
    rf"|(?P<one>(?<![{NUMERALS}])[二两三四五六七八九])(?P<counted>{_COUNTED})"
    rf"|(?P<number>{_LATIN}{NUMBER}[{PLACES}](?![{NUMERALS}])|[{NUMERALS}]{{2,}}+(?!几|点[{DIGITS}]))"
)
# In front of an ordinal or a date, a number may be a part of a longer word: 第十二代, 双十一.
_ORDINAL = "第双"
_STARTS = re.compile(rf"[\d{NUMERALS}半]")


class Found(NamedTuple):
    """An added term and the characters that say it (start inclusive, end exclusive)."""

    term: str
    start: int
    end: int


def han_quantities(simple: str) -> list[Found]:
    """Return the terms to add to those of a folded text in simplified characters, by place."""
    if not _STARTS.search(simple):
        return []
    borders = _Borders(simple)
    found, taken = [], []
    for match in _QUANTITY.finditer(simple):
        terms = list(_quantity(match, borders))
        if terms:
            taken.append((match.start(), match.end()))
            found += terms
    found += _dimensions(simple)
    for match in _COUNT.finditer(simple):
        before = bisect_right(taken, (match.start(), len(simple))) - 1
        if before < 0 or match.start() >= taken[before][1]:
            found += _count(match, borders)
    return sorted(found, key=lambda each: each[1:])


class _Borders:
    """The words of the dictionary in a text. A run of Chinese is cut when a word in it is asked for."""

    def __init__(self, simple: str) -> None:
        self._simple = simple
        self._runs = [match.span() for match in HAN_RUN.finditer(simple)]
        # Start of a run → each place inside a word of it → that word.
        self._words: dict[int, dict[int, tuple[int, int]]] = {}

    def crossing(self, at: int) -> tuple[int, int] | None:
        """Return (start, end) of the word that a place is inside of; None if it is between two words."""
        before = bisect_left(self._runs, (at, 0)) - 1
        if before < 0 or at >= self._runs[before][1]:
            return None
        start, end = self._runs[before]
        if start not in self._words:
            found = words(self._simple[start:end], new=False)
            self._words[start] = {
                start + place: (start + first, start + last)
                for _, first, last in found
                for place in range(first + 1, last)
            }
        return self._words[start].get(at)


def _quantity(match: re.Match[str], borders: _Borders) -> Iterator[Found]:
    """Yield the terms of an amount with its unit, if it is one."""
    value, written, start = number_of(match["amount"]), match["amount"], match.start()
    if value is None or borders.crossing(start):
        return
    plain = written[0].isdecimal() or written[0] == "."
    unit, end = match["unit"] or match["whole"] or match["price"], match.end()
    if tenths := match["tenths"] or match["tenth"]:
        # 一米八 is 1.8, 一米七五 1.75. What follows is no word, as the pattern sees to.
        digits = tenths if tenths.isdecimal() else year_of(tenths)
        value = float(f"{value:g}.{digits}") if value == int(value) else None
    elif match["half"] and borders.crossing(end):
        end -= 1
    elif match["half"]:
        value += 0.5
    if value is None or (_UNITS[unit][0] == "yuan" and written == "半"):
        return
    if unit == "安" and not plain:
        return  # 六安 is a town
    # What may follow 安 and tenths is in the pattern.
    if (unit != "安" and not tenths and borders.crossing(end)) or _BRAND.match(match.string, start):
        return
    name, factor = _UNITS[unit]
    yield Found(measure(Amount("", value * factor, name, 0, 0, 0)), start, end)
    if written != "半" and (not plain or written[-1] in PLACES or tenths or match["half"]):
        yield Found(_term(value), start, end if tenths else match.end("amount"))


def _dimensions(simple: str) -> Iterator[Found]:
    """Yield the terms of lengths such as 60×90厘米; those of each length are found as quantities."""
    for match in _DIMENSIONS.finditer(simple):
        amounts = []
        for side in _SIDES.finditer(match.group()):
            unit, factor = _UNITS[side["unit"]] if side["unit"] else ("", 1.0)
            value = number_of(side["amount"])
            if value is None:
                break
            amounts.append(Amount("", value * factor, unit, 0, 0, 0))
        else:
            # The numbers as written are a term already, unless a unit is between them.
            between = HAN_RUN.search(match.group()[: -len(side["unit"] or "")])
            for term in dimensions(amounts)[0 if between else 1 :]:
                yield Found(term, match.start(), match.end())


def _count(match: re.Match[str], borders: _Borders) -> Iterator[Found]:
    """Yield the term of a number without a unit, if it is one."""
    start, end = match.span("year") if match["year"] else match.span("one") if match["one"] else match.span("number")
    before = match.string[start - 1 : start]
    if borders.crossing(start) and before not in _ORDINAL:
        return
    if match["year"]:
        yield Found(year_of(match["year"]), start, end)
        return
    after = borders.crossing(match.end())
    # A longer word may begin with the number (二十四史), but not in its middle (2万能充).
    if after and (match["one"] or after[0] > start or not match["number"]):
        return
    text = match["one"] or match["number"]
    if (value := number_of(text)) is not None:
        yield Found(_term(value), start, end)


def _term(value: float) -> str:
    return f"{value:.15g}"
