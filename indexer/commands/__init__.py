"""Commands that write: build an index, publish its releases, load graphs."""
