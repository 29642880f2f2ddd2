import pytest

from clew.core.errors import SpecError
from clew.core.spec import parse
from clew.search.rerank.spec import RerankSpec


def test_the_defaults() -> None:
    assert parse(RerankSpec, {}, "[rerank]") == RerankSpec("default", 50, 0.0)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"top": 0}, "top is 0, expected 1 to 1,000 documents"),
        ({"top": 1001}, "top is 1001, expected 1 to 1,000 documents"),
        ({"budget_ms": -1}, "budget_ms is -1.0, expected 0 (no budget) or more"),
        ({"budget_ms": float("nan")}, "budget_ms is nan"),
        ({"budget_ms": float("inf")}, "budget_ms is inf"),
        ({"model": ""}, "model is empty"),
        ({"topp": 3}, "unknown key 'topp'"),
        ({"top": "many"}, "[rerank]: top"),
    ],
)
def test_what_is_wrong_is_named(table: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(RerankSpec, table, "[rerank]")
    assert message in caught.value.message


@pytest.mark.parametrize("table", [{"top": 1}, {"top": 1000}, {"budget_ms": 0}])
def test_the_borders_are_allowed(table: dict[str, object]) -> None:
    spec = parse(RerankSpec, table, "[rerank]")
    assert {name: getattr(spec, name) for name in table} == table
