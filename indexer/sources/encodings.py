"""Encodings of text files: those that are declared, those with a byte order mark, and a few that can be detected."""

from __future__ import annotations

import codecs
import io
import re
from typing import IO

from clew.core.errors import DataError
from clew.core.files import open_source, shown_url

# Bytes that are read to find the first one that is not ASCII, and the size of the sample that starts there.
_LOOKED_AT = 64 << 20
_SAMPLE = 1 << 18
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs of Python that are not encodings of text files, or whose bytes may stand for program text.
_REFUSED = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape",
            "undefined", "mbcs", "oem"}  # fmt: skip
_ASCII = bytes(range(0x20, 0x7F)).replace(b"\\", b"").replace(b"~", b"")
_NOT_ASCII = re.compile(rb"[\x80-\xff]+")
_ESCAPED = re.compile(r"[\udc80-\udcff]")
_META = re.compile(rb"<meta\s[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_HTML_HEAD = 4096
# Names in pages that browsers read as a larger encoding, or that Python does not know.
_WEB = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "utf-16": "utf-8", "utf-16-le": "utf-8", "utf-16-be": "utf-8",
    "x-sjis": "cp932", "windows-31j": "cp932", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949", "big5": "big5hkscs",
}  # fmt: skip
_EXAMPLES = 'set [source] encoding, for example "cp1252", "cp1250", "gb18030" or "shift_jis", or save the file as UTF-8'


def checked_encoding(name: str) -> str:
    """Return the name of a codec as Python spells it. Raises ValueError if it is not an encoding of text files."""
    try:
        found = codecs.lookup(name).name
        text = _ASCII.decode(found) if "16" not in found and "32" not in found else _ASCII.decode("ascii")
    except (LookupError, UnicodeError, ValueError):
        found, text = "", ""
    if found in _REFUSED or text.encode("ascii", "replace") != _ASCII:
        raise ValueError(f"encoding is {name!r}, expected one of text files, such as 'utf-8', 'utf-16' or 'cp1252'")
    return found


def encoding_by_mark(head: bytes) -> str:
    """Return the encoding that the first bytes of a file show, a byte order mark or zeros between ASCII; or ""."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    if len(head) >= 4 and head[0] and head[2] and not head[1] and not head[3]:
        return "utf-16-le"
    return "utf-16-be" if len(head) >= 4 and not head[0] and not head[2] and head[1] and head[3] else ""


def detected_encoding(sample: bytes) -> str:
    """Return the encoding of a text that has bytes above 127: utf-8, gb18030, cp1251 or cp1252; "" if it is unclear.

    A text with valid UTF-8 characters is UTF-8, even if other bytes in it are not. gb18030: most characters are among
    the 3,755 frequent ones of GB 2312. cp1251: most bytes are small Cyrillic letters. cp1252: the bytes stand alone,
    as letters with accents do.
    """
    text = sample.decode("utf-8", "surrogateescape")
    invalid = len(_ESCAPED.findall(text))
    valid = sum(not character.isascii() for character in text) - invalid
    if invalid <= 1 + valid and (valid or not invalid):
        return "utf-8"
    runs = _NOT_ASCII.findall(sample)
    total = sum(map(len, runs))
    pairs = [run[at] for run in runs if len(run) % 2 == 0 for at in range(0, len(run), 2)]
    if 2 * sum(0xB0 <= lead <= 0xD7 for lead in pairs) >= 0.8 * total:
        return "gb18030"
    if total / len(runs) >= 2 and sum(byte >= 0xE0 for run in runs for byte in run) >= 0.7 * total:
        return "cp1251"
    western = total / len(runs) <= 1.5 and not any(byte in b"\x81\x8d\x8f\x90\x9d" for run in runs for byte in run)
    return "cp1252" if western else ""


def encoding_of(url: str) -> str:
    """Return the encoding of a file of rows, which is read until it has bytes above 127.

    Raises DataError if it is unclear.
    """
    with open_source(url) as file:
        head = file.read(4)
        if name := encoding_by_mark(head):
            return name
        sample = head + file.read(_SAMPLE)
        done = len(sample)
        while sample.isascii() and done < _LOOKED_AT and (sample := file.read(_SAMPLE)):
            done += len(sample)
        first = _NOT_ASCII.search(sample)
        if first is None:
            return "utf-8"
        sample = sample[first.start() :] + file.read(_SAMPLE)
    # The sample may end inside a character.
    name = detected_encoding(sample[: sample.rfind(b"\n") + 1] or sample)
    if not name:
        raise DataError(f"{shown_url(url)}: not UTF-8 text, and its encoding cannot be detected", _EXAMPLES)
    return name


def open_text(file: IO[bytes], encoding: str, newline: str = "") -> io.TextIOWrapper:
    """Return a file as text. Bytes that are invalid in the encoding become surrogates (see `is_valid`)."""
    name = "utf-8-sig" if encoding in {"", "utf-8"} else encoding
    return io.TextIOWrapper(file, name, errors="surrogateescape", newline=newline)


def is_valid(text: str) -> bool:
    """Return whether all bytes that a text was decoded from were valid in its encoding."""
    return text.isascii() or not _ESCAPED.search(text)


def decoded(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text of a whole page and the encoding it was read in.

    Pages are UTF-8 or have a byte order mark; others are read in `encoding`, or in the detected one if it is "". Raises
    ValueError if the page cannot be decoded.
    """
    if name := encoding_by_mark(data[:4]):
        return data.decode(name), name
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        name = encoding or detected_encoding(data)
        if name in {"", "utf-8"}:
            raise ValueError(f"not UTF-8 text ({error.reason} at byte {error.start})") from None
    return data.decode(name), name


def decoded_html(data: bytes, encoding: str = "") -> tuple[str, str]:
    """Return the text of an HTML page and the encoding it was read in, "" if the page declares it itself.

    A page with a byte order mark is read as it says; else a page whose XML declaration or meta element names an
    encoding in that one, if its bytes are valid in it; any other page as `decoded` does. Raises ValueError.
    """
    found = _XML.match(data[:_HTML_HEAD]) or _META.search(data[:_HTML_HEAD])
    if found and not encoding_by_mark(data[:4]):
        label = found[1].decode("ascii", "replace").lower()
        try:
            name = _WEB.get(label) or checked_encoding(label)
            return data.decode(_WEB.get(name, name)), ""
        except (ValueError, LookupError):
            pass  # the declaration is wrong
    return decoded(data, encoding)


def detected_note(used: str, declared: str) -> str:
    """Return the note about an encoding that was detected; "" if it was declared, or is UTF-8 or UTF-16."""
    if declared or not used or used.startswith("utf-"):
        return ""
    return f"is not UTF-8 and was read as {used}; if characters are wrong, set [source] encoding"
