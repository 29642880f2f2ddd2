"""The form in which models read a passage; the same for training, indexing and reranking."""

from __future__ import annotations


def embedded_text(title: str, window: str) -> str:
    """Return the text that models read for a passage: the document's title on a line of its own, then the passage."""
    return f"{title}\n{window}".strip() if title else window
