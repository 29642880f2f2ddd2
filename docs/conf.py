"""How `make docs` builds a site from these pages: Sphinx with MyST Markdown and the furo theme."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from clew import __version__

project = "Clew"
author = "The Clew authors"
copyright = "The Clew authors. Apache License 2.0"  # noqa: A001 - the name is Sphinx's
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["conf.py"]

# Links such as page.md#a-heading, with the anchors that GitHub makes.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Clew"
html_copy_source = False
html_show_sourcelink = False


def setup(app: Sphinx) -> None:
    """Let the blocks of CSV and TSV be shown as they are."""
    for language in ("csv", "tsv"):
        app.add_lexer(language, TextLexer)
