"""Dense retrieval: exact cosines of passages that a full scan, RaBitQ codes or a FAISS index proposes."""

from clew.search.candidates.dense.spec import DenseSpec

__all__ = ["DenseSpec"]
