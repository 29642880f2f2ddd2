"""Commands that write: `clew init`, `clew build` and `clew indexes`."""
