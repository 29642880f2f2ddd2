"""Files that an ONNX network takes weights from, however its bytes are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import pytest

from clew.models.onnx_files import MESSAGES, external_files
from clew.models.store import shipped_folders

NAME = "../../etc/passwd"


def number(value: int, extra: int = 0) -> bytes:
    """Return a varint, with `extra` bytes more than it needs."""
    parts = []
    while value >= 0x80:
        parts.append(value & 0x7F)
        value >>= 7
    parts += [value] + [0] * extra
    return bytes([part | 0x80 for part in parts[:-1]] + parts[-1:])


def field(at: int, data: bytes, extra: int = 0) -> bytes:
    return number(at << 3 | 2, extra) + number(len(data), extra) + data


KEY, VALUE = field(1, b"location"), field(2, NAME.encode())
LONG = "x/" * 90 + "passwd"

ENTRIES = {
    "as it is written": (KEY + VALUE, NAME),
    "the value first": (VALUE + KEY, NAME),
    "lengths of more bytes than needed": (field(1, b"location", 3) + field(2, NAME.encode(), 2), NAME),
    "a long name": (KEY + field(2, LONG.encode()), LONG),
    "a key before the key": (field(1, b"offset") + KEY + VALUE, NAME),
    "a name before the name": (KEY + field(2, b"weights") + VALUE, NAME),
    "unknown fields between": (KEY + field(9, b"x") + number(9 << 3) + number(300) + VALUE, NAME),
    "numbers of a fixed size between": (
        KEY + number(9 << 3 | 5) + b"1234" + number(8 << 3 | 1) + b"12345678" + VALUE,
        NAME,
    ),
}


def model(entry: bytes) -> bytes:
    """Return a network with one tensor that has an entry of external_data."""
    tensor = number(14 << 3) + number(1) + field(8, b"w") + field(13, entry)
    return field(7, field(5, tensor))


@pytest.mark.parametrize("what", ENTRIES)
def test_an_entry_is_found_however_it_is_written(what) -> None:
    entry, name = ENTRIES[what]
    # ONNX's own reader finds it too.
    (tensor,) = onnx.ModelProto.FromString(model(entry)).graph.initializer
    assert (tensor.external_data[0].key, tensor.external_data[0].value) == ("location", name)
    assert name in set(external_files(model(entry)))


def tensor() -> onnx.TensorProto:
    found = onnx.TensorProto(name="w", data_location=onnx.TensorProto.EXTERNAL)
    found.external_data.add(key="offset", value="0")
    found.external_data.add(key="location", value=NAME)
    return found


PLACES: dict[str, Callable[[onnx.ModelProto], object]] = {
    "initializer": lambda model: model.graph.initializer.append(tensor()),
    "sparse values": lambda model: model.graph.sparse_initializer.add().values.CopyFrom(tensor()),
    "sparse indices": lambda model: model.graph.sparse_initializer.add().indices.CopyFrom(tensor()),
    "attribute": lambda model: model.graph.node.add().attribute.add().t.CopyFrom(tensor()),
    "attributes": lambda model: model.graph.node.add().attribute.add().tensors.append(tensor()),
    "graph in a node": lambda model: model.graph.node.add().attribute.add().g.initializer.append(tensor()),
    "graphs in a node": lambda model: model.graph.node.add().attribute.add().graphs.add().initializer.append(tensor()),
    "sparse attribute": lambda model: (
        model.graph.node.add().attribute.add().sparse_tensor.values.CopyFrom(tensor())
    ),
    "function": lambda model: model.functions.add().node.add().attribute.add().t.CopyFrom(tensor()),
    "default of a function": lambda model: model.functions.add().attribute_proto.add().t.CopyFrom(tensor()),
    "training": lambda model: model.training_info.add().algorithm.initializer.append(tensor()),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_tensor_is_found_wherever_it_is(place) -> None:
    made = onnx.ModelProto()
    PLACES[place](made)
    assert list(external_files(made.SerializeToString())) == [NAME]
    # Several occurrences of one message are one.
    assert list(external_files(b"" + onnx.ModelProto(producer_name="x").SerializeToString() + made.SerializeToString()))


def test_every_message_that_contains_tensors_is_followed() -> None:
    containing = {"TensorProto": {13: "StringStringEntryProto"}}
    every: dict[str, Any] = {}
    waiting: list[Any] = [onnx.ModelProto.DESCRIPTOR]
    while waiting:
        found = waiting.pop()
        if found.name not in every:
            every[found.name] = found
            waiting += [one.message_type for one in found.fields if one.message_type is not None]
    before = 0
    while len(containing) > before:
        before = len(containing)
        for name, one in every.items():
            inner = {each.number: each.message_type.name for each in one.fields if each.message_type is not None}
            if name != "TensorProto" and (tensors := {n: kind for n, kind in inner.items() if kind in containing}):
                containing[name] = tensors
    assert {name: dict(inner) for name, inner in MESSAGES.items()} == containing


def test_bytes_of_weights_that_look_like_an_entry_are_none() -> None:
    made = onnx.ModelProto()
    made.graph.initializer.add(name="w", raw_data=field(13, KEY + VALUE))
    assert list(external_files(made.SerializeToString())) == []


def test_an_entry_without_a_name_is_found_and_other_entries_are_not() -> None:
    assert list(external_files(model(KEY))) == [""]
    assert list(external_files(model(field(1, b"offset") + VALUE))) == []


def deep(levels: int) -> bytes:
    """Return a network with a tensor in so many graphs in nodes of graphs."""
    graph = field(5, field(13, KEY + VALUE))
    for _ in range(levels):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"no network", "byte|wire type|field number"),
        (model(KEY + VALUE)[:-1], "behind its message"),
        (number(7 << 3 | 3) + model(KEY + VALUE) + number(7 << 3 | 4), "wire type 3"),
        (b"\xba\x80\x80\x80\x10" + model(KEY + VALUE)[1:], "field number"),  # 7 in 32 of its 33 bits
        (b"\xff" * 12, "does not end"),
        (b"\x00\x00", "field number 0"),
        (deep(40), "more than 100 deep"),
        (field(7, number(9 << 3) + b"\x01" * 3) + b"\x08", "does not end"),
    ],
)
def test_what_readers_may_understand_in_different_ways_is_refused(data, says) -> None:
    with pytest.raises(ValueError, match=says):
        list(external_files(data))
    assert list(external_files(deep(20))) == [NAME]


def test_many_fields_are_refused_in_bounded_time() -> None:
    with pytest.raises(ValueError, match="more than 1,000,000 fields"):
        list(external_files(field(7, b"\x48\x01" * 1_100_000)))


def test_the_models_that_come_with_clew_have_all_weights_in_their_file() -> None:
    for folder in shipped_folders():
        assert list(external_files((folder / "onnx" / "model.onnx").read_bytes())) == []
