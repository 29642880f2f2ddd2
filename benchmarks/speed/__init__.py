"""Measure the speed of Clew and of other software: `run.measure` runs the items of `items`."""
