"""Readers of sources. `forms` says which forms there are and finds the one at hand; `read` reads any of them."""
