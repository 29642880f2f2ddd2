"""Messages, help and command docstrings use the field's words, not the dialect that this project once had."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.test_imports import ROOT, sources

# Each with what to write instead.
DIALECT = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"(?<!there )\b(is|are|was) no (?!longer\b|more\b|match)\w": "is not a …",
    r"\bbeside\b": "next to, with",
    r"\b(lies|lie|lay) (in|at|under|on|there)\b": "is in",
    r"\btold\b": "reported, given",
    r"\breceipts?\b": "explanation",
    r"\bcrooked\b": "wrong",
    r"\bword pieces?\b": "tokens",
    r"\bstand-ins?\b": "synthetic queries",
    r"\bspeaks? against\b": "is worse, rejects",
}
PRINTED = {"note", "out", "say", "notice", "warn", "Fault", "Finding", "Option", "Argument", "Field", "Problem"}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of what a user may read: raised messages, help, printed lines, docstrings of commands."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    command = "commands" in path.parts or path.name == "command.py" or "cli" in path.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from strings(node.exc)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in PRINTED:
            yield from strings(node)
        elif command and isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.lineno, ast.get_docstring(node) or ""


def strings(node: ast.AST) -> Iterator[tuple[int, str]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.lineno, inner.value


def test_messages_are_plain_english() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} {text!r}: write {instead!r}"
        for path in sources()
        for line, text in texts(path)
        for pattern, instead in DIALECT.items()
        if re.search(pattern, text)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_reader_finds_messages_help_and_docstrings(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    file = folder / "x.py"
    file.write_text(
        'def f(x=Option("--y", help="mend it")):\n    """Anew."""\n'
        '    note(f"{x} lies in a drawer")\n    raise DataError(f"{x} is no number", "told you")\n'
    )
    found = {text for _, text in texts(file)}
    assert {"mend it", "Anew.", " lies in a drawer", " is no number", "told you"} <= found
