"""Which other files an ONNX network takes its weights from, found in its protobuf without loading it.

Only the nesting of messages is followed, down to `external_data` of tensors (onnx.proto3); everything else is skipped.
What protobuf readers may understand in different ways, such as groups and numbers of too many bits, is refused.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from mmap import mmap
from typing import TypeAlias

_Data: TypeAlias = bytes | mmap

# Fields, by number, of each kind of message that contain tensors at any depth, and their kind.
MESSAGES: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto", 6: "GraphProto", 10: "TensorProto", 11: "GraphProto",
        22: "SparseTensorProto", 23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {13: "StringStringEntryProto"},
}  # fmt: skip
_ENTRY, _KEY, _VALUE = "StringStringEntryProto", 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Messages in messages, as protobuf allows, and fields of the messages that are followed: a network has some thousands.
_DEEPEST = 100
_MOST_FIELDS = 1_000_000


def external_files(data: _Data) -> Iterator[str]:
    """Yield the file names of all tensors that have their data elsewhere, relative to the network's folder.

    Raises ValueError if the data is not a valid message, or one that no export writes.
    """
    waiting = [("ModelProto", 0, len(data), 1)]
    left = _MOST_FIELDS
    while waiting:
        kind, start, end, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError(f"its messages are nested more than {_DEEPEST} deep")
        inner = MESSAGES.get(kind, {})
        keys: list[bytes] = []
        values: list[bytes] = []
        for number, first, last in _fields(data, start, end):
            left -= 1
            if not left:
                raise ValueError(f"it has more than {_MOST_FIELDS:,} fields")
            if number in inner:
                waiting.append((inner[number], first, last, depth + 1))
            elif kind == _ENTRY and number in {_KEY, _VALUE}:
                (keys if number == _KEY else values).append(data[first:last])
        # Of a field that is there several times, readers take the last.
        if b"location" in keys:
            yield from (value.decode("utf-8", "replace") for value in values or [b""])


def _fields(data: _Data, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, start, end) of the fields of one message; those that hold no bytes have the number 0."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end, 5)
        number, kind = tag >> 3, tag & 7
        if tag >= 1 << 32 or not number:
            raise ValueError(f"it has the field number {number} at byte {at:,}")
        if kind == _BYTES:
            size, at = _varint(data, at, end, 5)
            first, at = at, at + size
        elif kind == _VARINT:
            number, first, (_, at) = 0, at, _varint(data, at, end, 10)
        elif kind in {_FIXED32, _FIXED64}:
            number, first, at = 0, at, at + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f"it has a field of the wire type {kind} at byte {at:,}")
        if at > end:
            raise ValueError(f"a field ends at byte {at:,}, behind its message, which ends at {end:,}")
        yield number, first, at


def _varint(data: _Data, at: int, end: int, most: int) -> tuple[int, int]:
    """Return (number, where it ends) of a number of at most `most` bytes."""
    value = shift = 0
    while at < end and shift < 7 * most:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number at byte {at:,} does not end")
