"""Parse PDF pages into sections, with pypdf."""

from __future__ import annotations

import io
import re
from typing import Any

from clew.core.errors import MissingExtraError
from clew.indexer.sources.markup import Page, Section

# A letter, a hyphen at the end of the line, and the first word of the next line.
_CUT = re.compile(r"(\w*[^\W\d_])([-\u2010\u00ad])[ \t]*\n[ \t]*([^\W\d_]+)")
_HYPHENATED = re.compile(r"[^\W\d_]+[-\u2010][^\W\d_]+")
_SOFT_HYPHEN = "\u00ad"


def parse_pdf(data: bytes, encoding: str = "") -> Page:  # noqa: ARG001 - as the other parsers
    """Return each page of a PDF as a section. Words that are cut at line ends are joined.

    An encrypted PDF is read if it opens without a password. Raises MissingExtraError if pypdf is not installed,
    ValueError if the file is damaged, needs a password, or needs a package to be decrypted.
    """
    try:
        import pypdf
    except ImportError:
        raise MissingExtraError("reading PDF files needs pypdf", "run `pip install 'clew[files]'`") from None
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("the PDF needs a password")
        title = str(reader.metadata.title or "") if reader.metadata else ""
        texts = [page.extract_text().strip() for page in reader.pages]
    except Exception as error:
        # pypdf raises errors of many kinds on damaged files.
        raise ValueError(_reason(error, pypdf.errors)) from error
    texts = joined_words(texts)
    return Page(title, [Section((), text, at, f"page-{at}") for at, text in enumerate(texts, 1)] or [Section((), "")])


def _reason(error: Exception, errors: Any) -> str:
    if isinstance(error, errors.DependencyError):
        return "the PDF is encrypted with AES, which needs the package cryptography: run `pip install 'clew[files]'`"
    if isinstance(error, errors.WrongPasswordError | errors.FileNotDecryptedError) or "needs a password" in str(error):
        return "the PDF needs a password"
    return f"the file is not a valid PDF: {str(error) or type(error).__name__}"


def joined_words(texts: list[str]) -> list[str]:
    """Return texts with the words joined that a hyphen cuts at the end of a line ("infor-\\nmation").

    The hyphen stays if the texts have the word with it elsewhere ("well-known"), or if the next line starts with a
    capital letter.
    """
    known = {word.lower() for text in texts for word in _HYPHENATED.findall(text)}

    def join(found: re.Match[str]) -> str:
        start, hyphen, end = found.groups()
        if hyphen == _SOFT_HYPHEN:
            return start + end
        kept = not end[0].islower() or f"{start}-{end}".lower() in known
        return f"{start}-{end}" if kept else start + end

    return [_CUT.sub(join, text).replace(_SOFT_HYPHEN, "") for text in texts]
