"""Progress goes to stderr only: lines where nobody watches, a bar on a terminal."""

import pytest

from clew.core.progress import Bar, Lines, Silent, for_terminal


@pytest.mark.parametrize("progress", [Silent, Lines, Bar])
def test_every_progress_takes_a_whole_build_and_leaves_stdout_alone(progress, capsys):
    shown = progress()
    shown.start("read")
    shown.advance(1000)
    shown.start("encode", 10)
    shown.advance(10)
    shown("mining", 1, 3)
    shown("mining", 3, 3)
    shown.notice("[field] 'x' has no value")
    shown.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert ("[field] 'x' has no value" in err) == (progress is not Silent)


def test_lines_say_how_far_a_long_step_is(capsys):
    lines = Lines()
    lines._seconds = 0.0
    lines.start("encode", 2000)
    lines.advance(500)
    assert capsys.readouterr().err == "encode\nencode: 500 of 2,000 (25%)\n"


def test_without_a_terminal_there_are_lines():
    assert isinstance(for_terminal(), Lines)


def test_a_call_sets_how_far_a_step_is(capsys):
    lines = Lines("train")
    lines._seconds = 0.0
    for step, done in (("mining", 1), ("mining", 3), ("mining", 2), ("fitting", 0)):
        lines(step, done, 4)
    shown = capsys.readouterr().err.splitlines()
    assert shown == [
        "train: mining: 1 of 4 (25%)", "train: mining: 3 of 4 (75%)", "train: mining: 2 of 4 (50%)",
        "train: fitting: 0 of 4 (0%)",
    ]  # fmt: skip
