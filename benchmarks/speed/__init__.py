"""Speed of Clew beside other software; `run.measure` is the whole of it."""
