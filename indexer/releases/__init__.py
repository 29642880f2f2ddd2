"""Releases of an index: write, measure, verify, list, export, import and remove them."""
