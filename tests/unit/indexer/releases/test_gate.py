"""The gate: which rules a version violates, and which override covers that."""

from dataclasses import replace
from datetime import date

import pytest

from clew.core.errors import QualityError
from clew.indexer.releases.gate import GateResult, apply_override, below_minimum, max_drop_failure
from clew.indexer.releases.live import Live
from clew.indexer.releases.override import GateFailure, Override
from clew.indexer.spec import QualitySpec
from clew.search.versions import IndexVersion, Release

DAY = date(2030, 1, 31)
MODELS = ("e onnxruntime-fp32", "")
FASTER = Override("faster", DAY)


def live(override=None) -> Live:
    encoder = {"fingerprint": "e", "runtime": "onnxruntime-fp32"}
    version = IndexVersion("4-ab", "shop", "", "", (), {}, {}, encoder, "", 1, 1)
    return Live(Release("r4", "shop", "4-ab", "", ""), version, override)


def violated(*rules) -> tuple[GateFailure, ...]:
    return tuple(GateFailure(rule, f"{rule} is missed", "find out why", {"after": 0.5}) for rule in rules)


def verdict(*rules, models=MODELS) -> GateResult:
    return GateResult({"nDCG@10": 0.5}, models, {}, violated(*rules), "r3" if "non_inferior" in rules else "")


@pytest.mark.parametrize(
    ("found", "before", "rules"),
    [
        (0.5, 0.5, []),
        (0.49, 0.5, []),
        (0.485, 0.5, ["max_drop"]),
        (0.9, 0.5, []),
        (0.5, None, []),
        (0.2, None, ["minimum"]),
        (0.2, 0.5, ["minimum", "max_drop"]),
    ],
)
def test_which_rules_a_version_violates(found, before, rules):
    spec = QualitySpec("judged", max_drop=0.0101, minimum=0.3)
    live = {} if before is None else {"nDCG@10": before}
    failures = [*below_minimum({"nDCG@10": found}, spec), *max_drop_failure({"nDCG@10": found}, live, spec)]
    assert [failure.rule for failure in failures] == rules
    for failure in failures:
        assert f"{found:.4f}" in failure.said
        assert failure.as_table()["after"] == found


# ---------------------------------------------------------------- overrides


def test_a_version_that_violates_nothing_needs_no_override():
    assert apply_override(verdict(), None, None) == (None, "")
    used, notice = apply_override(verdict(), FASTER, live())
    assert used is None
    assert notice == "--override was not needed and is not recorded: this version violates no rule"
    assert apply_override(GateResult(), FASTER, None)[1].endswith("[quality] names no queries")


def test_every_failure_is_in_the_error_and_in_the_record():
    found = verdict("minimum", "non_inferior")
    with pytest.raises(QualityError, match="minimum is missed; non_inferior is missed") as caught:
        apply_override(found, None, live())
    assert 'find out why; to publish it anyway: --override "REASON" --until' in caught.value.hint
    used, notice = apply_override(found, FASTER, live())
    assert notice == "overridden until 2030-01-31: minimum is missed; non_inferior is missed"
    assert used.when.endswith("Z")
    assert used == replace(FASTER, when=used.when, baseline="r3", overrode=found.failures)


def test_the_error_says_when_the_override_of_the_live_release_ended():
    ended = Override("faster", date(2020, 1, 31), "", "r3", violated("non_inferior"))
    with pytest.raises(QualityError) as caught:
        apply_override(verdict("non_inferior"), None, live(ended))
    assert caught.value.hint.endswith("(the override of release r4 ended on 2020-01-31)")


@pytest.mark.parametrize(
    ("overrode", "until", "rules", "models", "covered"),
    [
        (["non_inferior"], date.max, ["non_inferior"], MODELS, True),
        (["minimum", "non_inferior"], date.max, ["minimum"], MODELS, True),
        (["non_inferior"], date(2020, 1, 31), ["non_inferior"], MODELS, False),
        (["non_inferior"], date.max, ["minimum"], MODELS, False),
        (["non_inferior"], date.max, ["non_inferior", "max_drop"], MODELS, False),
        (["not_compared"], date.max, ["non_inferior"], MODELS, False),
        (["not_compared"], date.max, ["not_compared"], MODELS, True),
        (["non_inferior"], date.max, ["not_compared"], MODELS, True),
        (["non_inferior"], date.max, ["non_inferior"], ("other", ""), False),
    ],
)
def test_what_the_override_of_the_live_release_covers(overrode, until, rules, models, covered):
    held = Override("faster", until, "", "r3" if "non_inferior" in overrode else "", violated(*overrode))
    if covered:
        used, notice = apply_override(verdict(*rules, models=models), None, live(held))
        assert used == replace(held, overrode=violated(*rules))
        assert notice == "the override of release r4 covers this one until 9999-12-31: faster"
    else:
        with pytest.raises(QualityError):
            apply_override(verdict(*rules, models=models), None, live(held))
