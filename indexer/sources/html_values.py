"""Remove HTML markup from the values of records, as feeds and shop exports have it in their descriptions."""

from __future__ import annotations

import html
import re
from typing import Literal

from clew.indexer.sources.markup import html_text

_TAGS = (
    "a|abbr|article|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|figure|font|footer|h[1-6]|head|header|hr|html"
    "|i|iframe|img|input|label|li|link|main|meta|nav|ol|p|pre|s|script|section|small|span|strike|strong|style|sub|sup"
    "|svg|table|tbody|td|tfoot|th|thead|tr|u|ul|video"
)
_TAG = re.compile(rf"<(?:/?(?:{_TAGS})(?:\s[^<>]*)?/?>|!--|!\[CDATA\[|!doctype\s)", re.IGNORECASE)
# Entities are only read with their semicolon: "AT&T" and "a&b" are text.
_ENTITY = re.compile(r"&(?:[a-z][a-z0-9]{1,30}|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
# Text of a feed may be escaped twice ("&amp;lt;p&amp;gt;"); more than this many times is left as it is.
_ESCAPED = 2


def has_markup(value: str) -> bool:
    """Return whether a text contains a tag of HTML or an entity."""
    return ("<" in value and _TAG.search(value) is not None) or ("&" in value and _ENTITY.search(value) is not None)


def has_tags(value: str) -> bool:
    """Return whether a text contains a tag of HTML."""
    return "<" in value and _TAG.search(value) is not None


def without_markup(value: str, markup: bool | Literal["auto"]) -> str:
    """Return a value as a reader sees it: without tags, scripts and styles, with entities resolved.

    markup: True: the value is HTML; False: it is not, and returned unchanged; "auto": it is if it contains a tag of
    HTML or an entity.
    """
    if markup is False:
        return value
    for _ in range(_ESCAPED):
        tags = _TAG.search(value) is not None
        if not tags and not _ENTITY.search(value):
            break
        # Without a tag only entities are resolved, so that line breaks and "<" in texts stay.
        value = html_text(_CDATA.sub(r"\1", value)) if tags else html.unescape(value).replace("\xa0", " ")
    return html_text(value) if markup is True and "<" in value else value
