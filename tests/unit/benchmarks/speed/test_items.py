"""The help of `clew bench speed`, which names the items without importing them."""

import inspect
import re

from clew.benchmarks.commands.bench import speed
from clew.benchmarks.graph.speed import GRAPH_ITEMS
from clew.benchmarks.speed.items import ITEMS


def test_the_help_names_every_item():
    items = inspect.signature(speed, eval_str=True).parameters["items"]
    (argument,) = items.annotation.__metadata__
    usual, graph = argument.help.removeprefix("Items to measure: ").split(" (default: all of these); or ")
    assert re.findall(r"[a-z0-9-]+", usual) == list(ITEMS)
    assert re.findall(r"[a-z0-9-]+", graph) == list(GRAPH_ITEMS)
