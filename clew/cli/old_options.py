"""Translate command lines of earlier releases. An old spelling works for one release after it was replaced."""

from __future__ import annotations

from collections.abc import Sequence


def translate_old_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the command-line arguments with old option names replaced, and a warning for each old name.

    `clew search NAME --queries FILE --run OUT` is a permanent alias of `clew run` and gives no warning.
    """
    if not words or words[0] != "search":
        return list(words), []
    line, warnings = _CommandLine(words[1:]), []
    command = "search"
    if line.pop_flag("--answers"):
        command = "answer"
        warnings.append("`clew search --answers` is now `clew answer NAME QUERY`")
        line.pop_values("--profile")
    elif documents := line.pop_values("--why-not"):
        command = "why-not"
        warnings.append("`clew search --why-not ID` is now `clew why-not NAME QUERY ID`")
        line.add_argument(documents[-1])
        # `clew search --why-not` accepted these options but ignored them.
        line.pop_flag("--explain")
        line.pop_values("--facet")
        line.pop_values("--budget-ms")
    else:
        files, targets = line.pop_values("--queries"), line.pop_values("--run")
        if files or targets:
            command = "run"
            line.pop_values("--profile")
        if files:
            line.add_argument(files[-1])
        if targets:
            line.add_option("--out", targets[-1])
    if when := line.pop_values("--expand"):
        warnings.append("`--expand` is now `--graph`")
        line.add_option("--graph", when[-1])
    return [command, *line.words()], warnings


class _CommandLine:
    """A command line from which options are removed, and to which options and arguments are added."""

    def __init__(self, words: Sequence[str]) -> None:
        at = words.index("--") if "--" in words else len(words)
        self._options = list(words[:at])
        self._arguments = list(words[at:])

    def pop_flag(self, name: str) -> bool:
        """Remove an option without a value, and return whether it was given."""
        found = name in self._options
        self._options = [word for word in self._options if word != name]
        return found

    def pop_values(self, name: str) -> list[str]:
        """Remove an option with a value, "NAME VALUE" or "NAME=VALUE", and return its values in order."""
        found, others, words = [], [], iter(self._options)
        for word in words:
            if word == name:
                found += [value for value in [next(words, None)] if value is not None]
            elif word.startswith(f"{name}="):
                found.append(word.partition("=")[2])
            else:
                others.append(word)
        self._options = others
        return found

    def add_option(self, name: str, value: str) -> None:
        """Add an option with its value."""
        self._options += [name, value]

    def add_argument(self, argument: str) -> None:
        """Add an argument at the end."""
        self._arguments = [*(self._arguments or ["--"]), argument]

    def words(self) -> list[str]:
        """Return the command line: options, then arguments."""
        return [*self._options, *self._arguments]
