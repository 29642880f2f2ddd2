"""Profiles: how hits are presented. A profile is a TOML file; those that come with Clew are in search/profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from clew.core.errors import QueryError, nearest, unknown_name
from clew.core.spec import parse, read_toml
from clew.search.facets import facet_fields
from clew.search.fields import Fields, body_fields

FOLDER = Path(__file__).with_name("profiles")


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """How hits are presented.

    depth: number of documents requested from each source (1 to 10,000). fields: names of the fields shown (empty: all).
    body: whether fields = [] includes the body texts. highlight: give the title and a snippet of the best passage,
    with the query's terms marked. snippet: its length in characters (40 to 2,000). answer: the snippet is the
    sentence of the passage that answers best. facets: which facets are counted if a request names none: true (all
    facet fields), false, or a list of names.
    """

    depth: int = 200
    fields: list[str] = field(default_factory=list)
    body: bool = True
    highlight: bool = True
    snippet: int = 200
    answer: bool = False
    facets: bool | list[str] = False

    def __post_init__(self) -> None:
        if not 1 <= self.depth <= 10_000:
            raise ValueError(f"depth is {self.depth}, expected 1 to 10,000 documents")
        if not 40 <= self.snippet <= 2_000:
            raise ValueError(f"snippet is {self.snippet}, expected 40 to 2,000 characters")

    def shown(self, fields: Fields) -> tuple[str, ...]:
        """Return the names of the fields shown. Raises QueryError for one that the index does not declare."""
        for name in self.fields:
            if name not in fields:
                raise QueryError(
                    f"the profile shows field {name!r}, which the index does not declare", nearest(name, fields)
                )
        if self.fields:
            return tuple(self.fields)
        hidden = () if self.body else body_fields(fields)
        return tuple(name for name in fields if name not in hidden)

    def facets_of(self, fields: Fields) -> tuple[str, ...]:
        """Return the facets that are counted if a request names none."""
        if isinstance(self.facets, list):
            return tuple(self.facets)
        return facet_fields(fields) if self.facets else ()


@cache
def profile_names() -> tuple[str, ...]:
    """Return the names of the profiles that come with Clew."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_profile(name: str) -> ProfileSpec:
    """Load the profile with this name, or from a TOML file if `name` is a path that ends in .toml.

    Raises UnknownNameError that lists the known names, SpecError if a file cannot be read.
    """
    if name.endswith(".toml"):
        return parse(ProfileSpec, read_toml(Path(name)), name)
    if name not in profile_names():
        raise unknown_name("profile", name, profile_names())
    return _shipped(name)


@cache
def _shipped(name: str) -> ProfileSpec:
    return parse(ProfileSpec, read_toml(FOLDER / f"{name}.toml"), f"profile {name}")
