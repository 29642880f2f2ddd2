"""Releases of an index: write, judge, verify, list, carry over, export, import, and remove."""
