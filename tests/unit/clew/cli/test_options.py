"""What commands share: progress that a log can hold, and output in any encoding."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

from clew.cli import options
from clew.core import progress


def test_without_a_terminal_progress_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 3.0, 12.0, 13.0, 30.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(now)))
    with options.shown_progress("train") as shown:
        for done in (1, 2, 3, 1_500):
            shown("mining", done, 2_000)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == ["train: mining: 2 of 2,000 (0%)", "train: mining: 1,500 of 2,000 (75%)"]


class _Latin(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="latin-1")

    def written(self) -> bytes:
        self.flush()
        found: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return found


def test_a_character_that_stdout_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Latin()
    monkeypatch.setattr(sys, "stdout", stream)
    options.escape_unprintable()
    options.out("Größe … 子 \ud800")
    assert stream.written() == b"Gr\xf6\xdfe \\u2026 \\u5b50 \\ud800\n"


def test_json_is_valid_in_every_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Latin()
    monkeypatch.setattr(sys, "stdout", stream)
    options.escape_unprintable()
    options.out_json({"title": "Größe … 🙂"})
    assert json.loads(stream.written()) == {"title": "Größe … 🙂"}
    assert stream.written().isascii()


def test_the_content_of_a_file_is_written_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Latin()
    monkeypatch.setattr(sys, "stdout", stream)
    options.out("first")
    options.out_bytes("子\n".encode())
    assert stream.written() == b"first\n" + "子\n".encode()
