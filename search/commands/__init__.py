"""Commands on an index: search, answer, why-not, run, and linking and expanding a text with its graph."""
