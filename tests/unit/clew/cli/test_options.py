"""What commands share: progress that a log can hold."""

from __future__ import annotations

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
