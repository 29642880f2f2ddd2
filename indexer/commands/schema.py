"""`clew schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clew.cli.options import out, out_json


def schema(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write (default: stdout).")] = None,
) -> None:
    """Print the JSON Schema of index specs, with which editors complete and check a spec.

    Name it in the first line of a spec, such as `#:schema ./clew.schema.json`; `clew init` does so.

    Example: clew schema --output clew.schema.json
    """
    from clew.indexer.schema import spec_schema, write_schema

    if output is None:
        out_json(spec_schema())
        return
    write_schema(output)
    out(str(output))
