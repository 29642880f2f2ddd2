"""Response schemas of the graph's routes; they mirror the classes of clew.search.graph_reports field by field."""

from __future__ import annotations

from pydantic import Field, computed_field

from clew.api.schemas import Answer, Degradation, Json, LinkedEntity


class EntityCandidate(LinkedEntity):
    """An entity that some words of a text may mean."""

    features: dict[str, float] = Field(
        description="The linker's features of this candidate, by name; features that are 0 are left out.",
        examples=[{"alias": 1.0}],
    )
    dropped: str = Field(description="Why the candidate is not a mention; empty if it is one.")


class LinkResult(Answer):
    """The entities that a text names."""

    text: str = Field(description="The text after normalisation; start and end are offsets in it.")
    index: str = Field(default="", description="Index that answered the request.")
    release: str = Field(default="", description="Release that answered the request.")
    graph: str = Field(description="Name of the graph.")
    snapshot: str = Field(description="Id of the graph's snapshot.")
    mentions: list[LinkedEntity] = Field(description="Entities that the text names, in the order of the text.")
    considered: int = Field(description="Number of entities that words of the text may mean.")
    candidates: list[EntityCandidate] = Field(
        description="The 500 most probable candidates, most probable first; empty unless trace was requested."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class NamedEntity(Answer):
    """A neighbour of an entity."""

    id: str = Field(description="Id of the entity.", examples=["category:Home > Kitchen"])
    name: str = Field(description="Name of the entity.", examples=["Kitchen"])
    type: str = Field(description="Type of the entity; empty if the graph has none.", examples=["category"])


class EntityRelation(Answer):
    """The neighbours of an entity along one relation, in one direction."""

    relation: str = Field(description="Name of the relation in the graph.", examples=["subcategory_of"])
    said: str = Field(
        description="The relation in plain words, to be shown before the names of the neighbours.",
        examples=["subcategory"],
    )
    outgoing: bool = Field(description="Whether the entity is the source of the edges; else it is their target.")
    count: int = Field(description="Number of edges.")
    entities: list[NamedEntity] = Field(description="The first neighbours, sorted by id; the request's limit applies.")


class EntityResult(Answer):
    """An entity and its neighbours one hop away."""

    id: str = Field(description="Id of the entity.", examples=["brand:orvane"])
    type: str = Field(description="Type of the entity; empty if the graph has none.", examples=["brand"])
    name: str = Field(description="Preferred name of the entity.", examples=["Orvane"])
    aliases: list[str] = Field(description="Other names in the same language.", examples=[["Orvane Audio"]])
    names: dict[str, str] = Field(description="Names in other languages, by language code.")
    description: str = Field(description="A phrase or sentence that describes the entity.")
    properties: Json = Field(description="Other properties of the entity in the graph.")
    index: str = Field(default="", description="Index that answered the request.")
    release: str = Field(default="", description="Release that answered the request.")
    graph: str = Field(description="Name of the graph.")
    snapshot: str = Field(description="Id of the graph's snapshot that the index was built with.")
    degree: int = Field(description="Number of edges of the entity in the whole graph, in both directions.")
    relations: list[EntityRelation] = Field(description="The entity's neighbours, by relation and direction.")
    degraded: list[Degradation] = Field(
        description="Not empty if the graph's store could not answer; the relations are then those of the snapshot."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")

    # Deprecated in the schema only: pydantic's own `deprecated` warns each time the field is written.
    @computed_field(description="The old name of relations.", json_schema_extra={"deprecated": True})  # type: ignore[prop-decorator]
    @property
    def ties(self) -> list[EntityRelation]:
        """The relations, under the old name of the field."""
        return self.relations
