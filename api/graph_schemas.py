"""What goes out of the graph's routes; the answers mirror clew.search.graph_reports field by field."""

from __future__ import annotations

from pydantic import Field, computed_field

from clew.api.schemas import Answer, Degradation, Json, LinkedEntity


class ConsideredEntity(LinkedEntity):
    """An entity that some words of a text may mean."""

    features: dict[str, float] = Field(
        description="What the linker saw, by name; those that are 0 are left out.", examples=[{"alias": 1.0}]
    )
    dropped: str = Field(description="Why it is no mention; empty where it is one.")


class LinkResult(Answer):
    """The entities that a text names."""

    text: str = Field(description="The text as it was read; places are characters of it.")
    index: str = Field(default="", description="Index that answered.")
    release: str = Field(default="", description="Release that answered.")
    graph: str = Field(description="Name of the graph.")
    snapshot: str = Field(description="Snapshot of it that was linked to.")
    mentions: list[LinkedEntity] = Field(description="Entities that are named, by their place in the text.")
    considered: int = Field(description="How many entities the words of the text may mean.")
    candidates: list[ConsideredEntity] = Field(
        description="The likeliest 500 of them, likeliest first; empty unless trace was asked for."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")


class NamedEntity(Answer):
    """An entity as it is mentioned beside another one."""

    id: str = Field(description="Id of the entity.", examples=["category:Home > Kitchen"])
    name: str = Field(description="What it is called.", examples=["Kitchen"])
    type: str = Field(description="Its type; empty where the graph gives none.", examples=["category"])


class EntityRelation(Answer):
    """What an entity is joined to along one relation, in one direction."""

    relation: str = Field(description="The relation's name in the graph.", examples=["subcategory_of"])
    said: str = Field(description="The same in plain words, to be read before the names.", examples=["subcategory"])
    outgoing: bool = Field(description="Whether the entity is the edges' source.")
    count: int = Field(description="How many edges there are.")
    entities: list[NamedEntity] = Field(description="The first ones at their other ends, by id; see limit.")


class EntityResult(Answer):
    """An entity and what lies one hop around it."""

    id: str = Field(description="Id of the entity.", examples=["brand:orvane"])
    type: str = Field(description="Its type; empty where the graph gives none.", examples=["brand"])
    name: str = Field(description="What it is called first.", examples=["Orvane"])
    aliases: list[str] = Field(description="Other names in the same language.", examples=[["Orvane Audio"]])
    names: dict[str, str] = Field(description="Language code → name in it.")
    description: str = Field(description="A phrase or sentence on it.")
    properties: Json = Field(description="Whatever else its source says of it.")
    index: str = Field(default="", description="Index that answered.")
    release: str = Field(default="", description="Release that answered.")
    graph: str = Field(description="Name of the graph.")
    snapshot: str = Field(description="Snapshot of it that the index was built with.")
    degree: int = Field(description="Edges it has in the whole graph, both ways together.")
    relations: list[EntityRelation] = Field(description="Its neighbours, by relation.")
    degraded: list[Degradation] = Field(
        description="Where the graph's store could not answer; the relations are then those of the snapshot."
    )
    request_id: str = Field(default="", description="Id of this request, as in the X-Request-ID header.")

    @computed_field(deprecated=True, description="The old name of relations.")  # type: ignore[prop-decorator]
    @property
    def ties(self) -> list[EntityRelation]:
        """Relations, under the name that it had before."""
        return self.relations
