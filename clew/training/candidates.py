"""Protocols of what training needs from an index: candidate documents for a query, and their passages.

Training defines these Protocols and imports no search code; `clew train` implements them over a published index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from clew.core.types import Floats

if TYPE_CHECKING:
    from clew.training.spec import DataSpec


class Candidates(Protocol):
    """The m candidate documents retrieved for one query, best first."""

    @property
    def ids(self) -> Sequence[str]:
        """Return the m document ids, each once, in descending order of their scores."""
        ...

    @property
    def scores(self) -> Floats:
        """Return the (m,) float64 fused scores."""
        ...

    @property
    def cosines(self) -> Floats | None:
        """Return the (m,) float64 cosine similarity (-1 to 1) of the query and each document.

        It is -1 for a document that dense retrieval did not score; None if the index has no vectors.
        """
        ...

    def passage(self, document: str) -> str | None:
        """Return the text of a document that a model reads: its best passage for this query, with the title.

        For a document that is not among the candidates it is the first passage. None if the index does not contain it.
        """
        ...


class CandidateSource(Protocol):
    """An open index from which training retrieves candidates."""

    def candidates(self, query: str, depth: int) -> Candidates | None:
        """Retrieve candidates with every retriever of the index except its graph.

        query: the text. depth: documents taken from each retriever (at least 1), so m may be larger. Returns None if
        the query cannot be searched, because it is blank or too long.
        """
        ...

    def close(self) -> None:
        """Release the files of the index."""
        ...


class CandidateSources(Protocol):
    """Opens the index of each data set of a training spec."""

    def open(self, data: DataSpec) -> CandidateSource:
        """Open the index that `data.index` names; without a name, one over the documents of `data.folder`.

        The caller closes it. Raises NotFoundError if the index or the folder does not exist, CorruptError or
        FormatError if the index cannot be read.
        """
        ...

    def content(self, index: str) -> str:
        """Return the sha256, in hex, of the content of the live version of a published index.

        Raises NotFoundError if there is no such index.
        """
        ...
