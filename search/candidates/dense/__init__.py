"""BERT vectors: exact scores always, found through their signs or a FAISS index where there are many."""

from clew.search.candidates.dense.spec import DenseSpec

__all__ = ["DenseSpec"]
