"""Commands over an index: search, answer, why-not, run, and what its graph makes of a text."""
