"""A command that does not exist gets a suggestion."""

import pytest
from typer.testing import CliRunner

from clew.cli import app


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        (["rollback", "shop"], " Did you mean `clew indexes rollback`?"),
        (["serch", "shop", "lamp"], " Did you mean `clew search`?"),
        (["verify"], " Did you mean `clew indexes verify` or `clew models verify`?"),
        (["zzz"], ""),
    ],
)
def test_the_nearest_commands_are_suggested(words, suggestion):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"Error: No such command {words[0]!r}.{suggestion}"
