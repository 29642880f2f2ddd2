"""Who may call a server that fails: arithmetic on a clock of our own, and a machine of random events."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clew.core.errors import StageUnavailable
from clew.kg.breaker import CircuitBreaker

MOST, WAIT, LONGEST = 3, 1.0, 4.0


class Clock:
    def __init__(self):
        self.seconds = 100.0

    def __call__(self):
        return self.seconds


def breaker(clock):
    return CircuitBreaker(
        "bolt://x",
        failures=MOST,
        wait_seconds=WAIT,
        longest_seconds=LONGEST,
        clock=clock,
        now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def fail(guard, times=1):
    for _ in range(times):
        guard.failed(guard.admit(), "cannot reach bolt://x")


def test_opens_after_some_failures_in_a_row_and_says_since_when_and_until_when():
    guard = breaker(Clock())
    fail(guard, MOST)
    with pytest.raises(StageUnavailable) as caught:
        guard.admit()
    assert caught.value.message == "cannot reach bolt://x; no calls since 03:04:05, next try in 1.0 s"


def test_an_answer_in_between_starts_the_count_anew():
    guard = breaker(Clock())
    fail(guard, MOST - 1)
    guard.succeeded(guard.admit())
    fail(guard, MOST - 1)
    assert guard.state == "closed"


def test_one_probe_and_the_wait_doubles_up_to_its_limit():
    clock = Clock()
    guard = breaker(clock)
    fail(guard, MOST)
    for wait in (1.0, 2.0, 4.0, 4.0):
        clock.seconds += wait - 0.01
        assert guard.left_seconds == pytest.approx(0.01)
        assert guard.probe() is None
        clock.seconds += 0.01
        # The waiting time is over, and still no call of a user is admitted.
        with pytest.raises(StageUnavailable, match=r"next try in 0.0 s"):
            guard.admit()
        probe = guard.probe()
        assert (guard.probe(), guard.left_seconds) == (None, None)
        with pytest.raises(StageUnavailable, match="it is asked now"):
            guard.admit()
        guard.failed(probe, "no answer")
    clock.seconds += 4
    guard.succeeded(guard.probe())
    assert (guard.state, guard.left_seconds) == ("closed", None)


def opened_again(guard, clock, *, answered):
    """How long it waits if it opens again, after a probe and perhaps a call that were answered."""
    fail(guard, MOST)
    clock.seconds += guard.left_seconds
    guard.succeeded(guard.probe())
    if answered:
        guard.succeeded(guard.admit())
    fail(guard, MOST)
    return guard.left_seconds


def test_only_an_answered_call_makes_the_wait_short_again():
    clock = Clock()
    assert opened_again(breaker(clock), clock, answered=True) == pytest.approx(WAIT)
    assert opened_again(breaker(clock), clock, answered=False) == pytest.approx(2 * WAIT)


def test_a_probe_that_tells_nothing_lets_the_next_one_try():
    clock = Clock()
    guard = breaker(clock)
    fail(guard, MOST)
    clock.seconds += WAIT
    guard.inconclusive(guard.probe())
    guard.succeeded(guard.probe())
    assert guard.state == "closed"


def test_outcomes_of_calls_from_before_are_ignored():
    clock = Clock()
    guard = breaker(clock)
    early, late = guard.admit(), guard.admit()
    fail(guard, MOST)
    guard.succeeded(early)
    assert guard.state == "open"
    clock.seconds += WAIT
    guard.succeeded(guard.probe())
    for _ in range(MOST):
        guard.failed(late, "old")
    assert guard.state == "closed"


class Calls(RuleBasedStateMachine):
    """Random calls and outcomes, against a model that is told everything."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.guard = breaker(self.clock)
        self.running = []
        self.trial = None
        self.in_a_row = 0
        self.open_until = None
        self.wait = WAIT
        self.epoch = 0

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0]))
    def wait_a_while(self, seconds):
        self.clock.seconds += seconds

    @rule()
    def call(self):
        if self.open_until is not None:
            with pytest.raises(StageUnavailable):
                self.guard.admit()
            return
        self.running.append((self.guard.admit(), self.epoch))

    @rule()
    def probe(self):
        ticket = self.guard.probe()
        if self.open_until is None or self.trial is not None or self.clock.seconds < self.open_until:
            assert ticket is None
            return
        self.epoch += 1
        self.trial = ticket
        self.running.append((ticket, self.epoch))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "inconclusive"]))
    def end(self, data, outcome):
        ticket, epoch = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        getattr(self.guard, outcome)(*((ticket, "why") if outcome == "failed" else (ticket,)))
        if epoch != self.epoch:
            return
        is_trial, self.trial = self.trial is not None, None
        if outcome == "succeeded":
            self.in_a_row = 0
            if is_trial:
                self.open_until, self.wait = None, min(2 * self.wait, LONGEST)
                self.epoch += 1
            else:
                self.wait = WAIT
        elif outcome == "failed":
            self.in_a_row += 1
            if is_trial:
                self.wait = min(2 * self.wait, LONGEST)
            if is_trial or self.in_a_row == MOST:
                self.open_until = self.clock.seconds + self.wait
                self.in_a_row = 0
                self.epoch += 1
        elif is_trial:
            self.epoch += 1

    @invariant()
    def says_what_the_model_says(self):
        expected = "closed" if self.open_until is None else "open" if self.trial is None else "half-open"
        assert self.guard.state == expected

    @invariant()
    def never_out_of_reach_for_longer_than_the_limit(self):
        assert self.open_until is None or self.open_until - self.clock.seconds <= LONGEST


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
