"""Command lines of earlier releases are understood."""

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.cli.old_options import translate_old_options

ANSWERS = "`clew search --answers` is now `clew answer NAME QUERY`"
WHY_NOT = "`clew search --why-not ID` is now `clew why-not NAME QUERY ID`"
EXPAND = "`--expand` is now `--graph`"


@pytest.mark.parametrize(
    ("before", "now", "warnings"),
    [
        ("search shop lamp -k 3", "search shop lamp -k 3", []),
        ("search shop lamp --answers -k 3", "answer shop lamp -k 3", [ANSWERS]),
        ("search shop --answers lamp --profile qa", "answer shop lamp", [ANSWERS]),
        ("search shop lamp --why-not d3 -k 2", "why-not shop lamp -k 2 -- d3", [WHY_NOT]),
        ("search shop --why-not=d3 --explain -- -lamp", "why-not shop -- -lamp d3", [WHY_NOT]),
        ("search shop lamp --expand on", "search shop lamp --graph on", [EXPAND]),
        ("search shop lamp --answers --expand=off", "answer shop lamp --graph off", [ANSWERS, EXPAND]),
        ("search shop --queries q.tsv --run -", "run shop --out - -- q.tsv", []),
        ("search shop --queries q.tsv --run o --expand on", "run shop --out o --graph on -- q.tsv", [EXPAND]),
        ("search shop --queries q.tsv", "run shop -- q.tsv", []),
        ("search shop --run o", "run shop --out o", []),
        ("search shop -- --answers", "search shop -- --answers", []),
        ("graph expand shop --expand", "graph expand shop --expand", []),
        ("", "", []),
    ],
)
def test_a_line_becomes_the_one_of_this_release(before, now, warnings):
    assert translate_old_options(before.split()) == (now.split(), warnings)


def test_a_warning_goes_to_stderr_and_names_the_new_command():
    result = CliRunner().invoke(app, ["search", "shop", "lamp", "--answers", "--home", "none"])
    assert result.stderr.splitlines()[0] == f"clew: warning: {ANSWERS}"
    assert result.stdout == ""
