"""Speed of Clew beside other software: `run.measure` runs the items of `items`."""
