"""Files are checked in another process, which may crash, hang or ask for too much."""

import os
import textwrap

import pytest

from clew.core import isolated
from clew.core.errors import CorruptError, FormatError
from clew.core.isolated import check_isolated


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module whose check does what its question says."""
    (tmp_path / "checks_it.py").write_text(
        textwrap.dedent(
            """
            import os, signal, time
            from clew.core.errors import FormatError
            from clew.core.isolated import answer_lines

            def check(question):
                if question == "crash":
                    os.kill(os.getpid(), signal.SIGSEGV)
                if question == "hang":
                    time.sleep(60)
                if question == "memory":
                    bytearray(1 << 36)
                if question == "error":
                    raise FormatError("a.npy is old", "rebuild it")
                if question == "bug":
                    {}["key"]
                if question == "variable" and "SECRET" in os.environ:
                    raise ValueError(os.environ["SECRET"])

            answer_lines(check)
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return "checks_it"


def test_each_question_has_its_answer_also_after_a_crash(module):
    first, crashed, error, bug, last = check_isolated(module, ["fine", "crash", "error", "bug", "fine"], 0)
    assert first is None
    assert last is None
    assert isinstance(crashed, CorruptError)
    assert "was ended by SIGSEGV" in crashed.message
    assert isinstance(error, FormatError)
    assert (error.message, error.hint) == ("a.npy is old", "rebuild it")
    assert isinstance(bug, CorruptError)
    assert bug.message == "its files cannot be checked: KeyError: 'key'"


def test_memory_is_limited(module):
    (found,) = check_isolated(module, ["memory"], 0)
    assert found is not None
    assert "MemoryError" in found.message


def test_time_is_limited(module, monkeypatch):
    monkeypatch.setattr(isolated, "SECONDS", 2)
    hung, after = check_isolated(module, ["hang", "fine"], 0)
    assert hung is not None
    assert "took longer than 2 seconds" in hung.message
    assert after is None


def test_variables_of_the_user_are_not_passed_on(module, monkeypatch):
    monkeypatch.setitem(os.environ, "SECRET", "x")
    assert check_isolated(module, ["variable"], 0) == [None]
