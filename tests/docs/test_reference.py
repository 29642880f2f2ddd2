"""The reference pages describe what is there: every command, option, spec field, error code and dependency."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from clew.core import errors

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def section(page: str, heading: str) -> str:
    """The text under a heading, up to the next heading of the same or a higher level; fails where there is none."""
    text = (DOCS / page).read_text(encoding="utf-8")
    match = re.search(rf"^(#+) {re.escape(heading)}\n", text, re.MULTILINE)
    assert match, f"docs/{page} has no heading {heading!r}"
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without headings, as their cells."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# ---------------------------------------------------------------- command line


def commands() -> Iterator[tuple[str, Any]]:
    """Full name and click command of every command, groups opened."""
    import typer

    from clew.cli import app

    root: Any = typer.main.get_command(app)
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        if hasattr(command, "commands"):
            yield from ((f"clew {name} {sub}", found) for sub, found in command.commands.items())
        else:
            yield f"clew {name}", command


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section("cli.md", f"`{name}`")
    for parameter in COMMANDS[name].params:
        options = [option for option in parameter.opts if option.startswith("--") and option != "--help"]
        missing = [option for option in options if f"`{option}" not in text and f" {option}" not in text]
        assert not missing, f"docs/cli.md, `{name}`: {missing[0]} is not described"


@pytest.mark.parametrize("name", COMMANDS)
def test_documented_options_exist(name: str) -> None:
    known = {option for parameter in COMMANDS[name].params for option in [*parameter.opts, *parameter.secondary_opts]}
    named = re.findall(r"^\| `(--[a-z0-9-]+|-[a-z])", section("cli.md", f"`{name}`"), re.MULTILINE)
    assert set(named) <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = COMMANDS[name]
    assert re.search(r"Examples?:\s+clew ", command.help or ""), f"{name} has no example"
    silent = [parameter.name for parameter in command.params if not getattr(parameter, "help", "")]
    assert not silent, f"{name}: no help for {silent}"


def test_the_page_names_no_command_that_is_gone() -> None:
    headings = re.findall(r"^## `(clew [a-z -]+)`$", (DOCS / "cli.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(headings) == set(COMMANDS)


# ---------------------------------------------------------------- specs


def tables() -> dict[str, type]:
    """Heading in docs/spec.md → the dataclass behind it."""
    import typing

    from clew.indexer.spec import IndexSpec
    from clew.search.fields import FieldSpec
    from clew.search.spec import SearchSpec

    found = {"[fields]": FieldSpec}
    # The tables of a SearchSpec stand in the file beside those that only the indexer reads.
    hints = typing.get_type_hints(IndexSpec) | typing.get_type_hints(SearchSpec)
    for name, hint in hints.items():
        for kind in (hint, *typing.get_args(hint)):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind is not SearchSpec:
                found |= {f"[{name}]": kind} | tables_in(name, kind)
    return found


def tables_in(name: str, spec: type) -> dict[str, type]:
    """The tables inside a table, such as [graph.link], however deep: also those of a mapping's values."""
    import typing

    found: dict[str, type] = {}
    for key, hint in typing.get_type_hints(spec).items():
        kinds = [hint]
        for kind in kinds:
            kinds += typing.get_args(kind)
        for kind in kinds:
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                found |= {f"[{name}.{key}]": kind} | tables_in(f"{name}.{key}", kind)
    return found


TABLES = tables()


@pytest.mark.parametrize("heading", TABLES)
def test_spec_tables_are_documented_key_by_key(heading: str) -> None:
    documented = [row[0].strip("`") for row in cells(section("spec.md", heading)) if row[0] != "key"]
    assert documented == [field.name for field in dataclasses.fields(TABLES[heading])]


@pytest.mark.parametrize("heading", TABLES)
def test_documented_defaults_are_the_real_ones(heading: str) -> None:
    rows = {row[0].strip("`"): row[1].strip("`") for row in cells(section("spec.md", heading))}
    for field in dataclasses.fields(TABLES[heading]):
        shown = rows[field.name].replace(",", "")
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            assert shown == "required", field.name
        elif isinstance(field.default, bool):
            assert shown == str(field.default).lower(), field.name
        elif isinstance(field.default, int | float):
            assert float(shown) == float(field.default), field.name
        elif isinstance(field.default, str) and field.default:
            assert shown == field.default, field.name


def test_the_example_on_the_page_is_a_spec(tmp_path: Path) -> None:
    from clew.indexer.spec import read_spec

    example = re.search(r"```toml\n(.*?)```", (DOCS / "spec.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example
    (tmp_path / "shop.toml").write_text(example[1], encoding="utf-8")
    assert read_spec(tmp_path / "shop.toml").name == "shop"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.toml")), ids=lambda path: path.stem)
def test_the_samples_are_specs(path: Path) -> None:
    from clew.indexer.spec import read_spec

    assert read_spec(path).name == path.stem


# ---------------------------------------------------------------- errors


def error_classes() -> list[type[errors.ClewError]]:
    found: list[type[errors.ClewError]] = [errors.ClewError]
    for cls in found:
        found += cls.__subclasses__()
    return [cls for cls in found if cls.__module__ == "clew.core.errors"]


def test_every_error_code_is_documented_with_its_exit_code_and_status() -> None:
    from clew.api.errors import status_of

    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \| (\d) \| (\d+) \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    documented = {(code, name, int(leaves), int(status)) for code, name, leaves, status in rows}
    real = {(cls.code, cls.__name__, cls.exit_code, status_of(cls("", ""))[0]) for cls in error_classes()}
    assert documented == real


def test_error_codes_are_unique() -> None:
    codes = [cls.code for cls in error_classes()]
    assert len(codes) == len(set(codes))


# ---------------------------------------------------------------- dependencies


def test_every_dependency_is_documented_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (DOCS / "dependencies.md").read_text(encoding="utf-8")
    always, _, extras = text.partition("## Extras")
    assert sorted(row[0] for row in cells(always)[1:]) == sorted(map(_name, project["dependencies"]))
    named = [(row[0].strip("`"), row[1]) for row in cells(extras)[1:]]
    optional = project["optional-dependencies"]
    assert sorted(named) == sorted((extra, _name(line)) for extra, lines in optional.items() for line in lines)


def _name(requirement: str) -> str:
    return Requirement(requirement).name.lower()


# ---------------------------------------------------------------- Python

RECORDS = (
    "SearchResponse", "Group", "Hit", "MatchedVariant", "Highlight", "StageScore", "Contribution", "FacetValue",
    "GraphUse", "LinkedEntity", "RerankUse", "AnswerResponse", "Answer", "WhyNot",
)  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_of_a_response_is_documented(name: str) -> None:
    import clew

    text = section("python.md", name)
    shared = text.partition("|")[0]
    rows = {field.strip(" `") for row in cells(text) for field in row[0].split(",") if row[0] != "field"}
    fields = {field.name for field in dataclasses.fields(getattr(clew, name))}
    assert rows <= fields
    missing = {field for field in fields - rows if f"`{field}`" not in shared}
    assert not missing, f"docs/python.md, {name}: {missing} is not described"


# ---------------------------------------------------------------- HTTP


def test_every_endpoint_and_parameter_is_documented() -> None:
    from clew.api.requests import AnswerBody, EntityParameters, LinkBody, SearchBody
    from clew.api.routes import documents, graph, health, indexes, search

    text = (DOCS / "http.md").read_text(encoding="utf-8")
    paths = {
        route.path
        for module in (documents, graph, health, indexes, search)
        for route in module.router(None).routes  # type: ignore[arg-type]
    }
    assert paths
    for path in paths:
        assert path.replace("{name}", "shop") in text, f"docs/http.md says nothing of {path}"
    for model in (SearchBody, AnswerBody, LinkBody, EntityParameters):
        for name in model.model_fields:
            assert f"`{name}`" in text, f"docs/http.md says nothing of the parameter {name}"


def test_every_setting_of_the_server_is_documented() -> None:
    from clew.api.settings import PREFIX, Settings

    text = (DOCS / "http.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`{PREFIX}{name.upper()}`" not in text]
    assert not missing


# ---------------------------------------------------------------- reliability, architecture


def test_every_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (DOCS / "reliability.md").read_text(encoding="utf-8"))
    assert named
    for path, test in named:
        assert (ROOT / path).is_file(), path
        assert re.search(rf"def {test}\(", (ROOT / path).read_text(encoding="utf-8")), f"{path} has no {test}"


def test_the_interfaces_named_in_the_architecture_exist() -> None:
    from clew.search.candidates import KINDS
    from clew.search.fusion import FUSIONS

    text = section("architecture.md", "Interfaces")
    for name in [*KINDS, *FUSIONS]:
        assert f"`{name}`" in text
    for path in re.findall(r"\.\./([\w/]+\.py)", text):
        assert import_module(path.removesuffix(".py").replace("/", "."))
