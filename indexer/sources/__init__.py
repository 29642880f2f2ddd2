"""Readers of sources. `forms` defines the forms of a source and detects them; `read` reads a source of any form."""
