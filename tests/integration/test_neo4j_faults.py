"""The graph in Neo4j when its server is absent, wrong, slow, paused or killed: callers leave on time, and it recovers.

Bounds on time are far above what is expected, and below what a hang would take.
"""

import gc
import logging
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from clew.core.errors import StageUnavailable, UsageError
from clew.core.types import Deadline
from clew.kg.breaker import CircuitBreaker
from clew.kg.neo4j_store import Neo4jStore
from clew.kg.spec import Neo4jSpec
from clew.kg.types import Edge, Entity, Walk

pytestmark = pytest.mark.slow

LABEL = "Clew_faults"
# A statement that keeps the server busy far longer than any test waits.
SLOW = "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a, b WHERE a = -b RETURN count(*)"
HANG_SECONDS = 5.0


@contextmanager
def opened(uri, user="neo4j", password="secret-of-the-tests", label=LABEL, spec=None, **settings):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEW_TEST_PASSWORD", password)
        store = Neo4jStore(
            Neo4jSpec(uri=uri, user=user, password_env="CLEW_TEST_PASSWORD", **(spec or {})), label, **settings
        )
    try:
        yield store
    finally:
        store.close()


def at(server, longest_ms=30_000.0, **settings):
    """A store on a server that may still be busy compiling its first statements, so with time to spare."""
    return opened(server.uri, server.user, server.password, longest_ms=longest_ms, **settings)


def fill(store):
    store.write([Entity(name) for name in "abc"], [Edge("a", "r", "b"), Edge("b", "r", "c")])


def ask(store, ms=30_000.0):
    return store.neighbourhood(["a"], Walk(), Deadline.after_ms(ms)).nodes


def reason(store, ms=2_000.0):
    """Why it cannot answer; it has to say so in time."""
    start = time.monotonic()
    with pytest.raises(StageUnavailable) as caught:
        ask(store, ms)
    assert time.monotonic() - start < ms / 1000 + HANG_SECONDS
    return caught.value.message


def recovers(store, seconds=60.0):
    """Ask until it answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return ask(store)
        except StageUnavailable:
            time.sleep(0.2)
    raise AssertionError(f"no answer within {seconds} s")


@contextmanager
def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def listening(answer=None):
    """A server that accepts, says `answer` and no more; counts who came."""
    came = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            came.append(connection)
            if answer is not None:
                connection.recv(1024)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in came:
            connection.close()


def open_now():
    """Sockets and the like that this process holds, and its threads."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir())), sorted(thread.name for thread in threading.enumerate())


def settled(before, seconds=10.0):
    """What is open once it is no more than before; what it is after some seconds at the latest."""
    end = time.monotonic() + seconds
    while (now := open_now()) != before and time.monotonic() < end:
        time.sleep(0.1)
    return now


# ---------------------------------------------------------------- nobody, or somebody else, is there


def test_absent_at_start():
    with free_port() as port, opened(f"bolt://127.0.0.1:{port}") as store:
        assert reason(store) == f"cannot reach bolt://127.0.0.1:{port}"


def test_a_host_without_an_address():
    with opened("bolt://no-such-host.invalid:7687") as store:
        assert reason(store, 5_000) == "cannot reach bolt://no-such-host.invalid:7687"


def test_a_server_that_accepts_and_says_nothing():
    with listening() as (port, _), opened(f"bolt://127.0.0.1:{port}", spec={"connect_ms": 60_000}) as store:
        start = time.monotonic()
        assert reason(store, 150) == f"no answer from bolt://127.0.0.1:{port} within 150 ms"
        assert 0.1 < time.monotonic() - start < HANG_SECONDS


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0", b"\xff" * 64])
def test_a_server_that_is_no_neo4j(answer):
    with listening(answer) as (port, _), opened(f"bolt://127.0.0.1:{port}") as store:
        assert f"bolt://127.0.0.1:{port}" in reason(store)


@pytest.mark.parametrize("scheme", ["bolt+s", "bolt+ssc", "neo4j+s"])
def test_a_server_without_tls(neo4j_server, scheme):
    uri = f"{scheme}://{neo4j_server.uri.partition('://')[2]}"
    with opened(uri) as store:
        assert reason(store) == f"cannot reach {uri}"


def test_the_limit_holds_where_the_deadline_is_infinite():
    with listening() as (port, _), opened(f"bolt://127.0.0.1:{port}", longest_ms=100) as store:
        with pytest.raises(StageUnavailable, match="within 100 ms"):
            store.neighbourhood(["a"], Walk(), Deadline())
        with pytest.raises(StageUnavailable, match="within 100 ms"):
            store.entities(["a"], Deadline())


def test_the_breaker_stops_the_hammering():
    with listening() as (port, came), opened(f"bolt://127.0.0.1:{port}", failures=3, wait_seconds=60) as store:
        for _ in range(3):
            reason(store, 100)
        tried = len(came)
        start = time.monotonic()
        for _ in range(200):
            said = reason(store, 10_000)
        assert time.monotonic() - start < HANG_SECONDS
        assert "no calls since" in said
        assert "next try in" in said
        assert len(came) == tried <= 6


def test_the_server_is_asked_in_the_background_and_never_by_a_users_call():
    with listening() as (port, came), opened(f"bolt://127.0.0.1:{port}", failures=2, wait_seconds=0.3) as store:
        for _ in range(2):
            reason(store, 100)
        asked = len(came)
        end = time.monotonic() + HANG_SECONDS
        while len(came) == asked and time.monotonic() < end:
            start = time.monotonic()
            assert "no calls since" in reason(store, 10_000)
            assert time.monotonic() - start < 0.1
            time.sleep(0.01)
        assert len(came) > asked


def test_a_server_that_is_back_is_used_without_a_call_that_tries(neo4j_server):
    with at(neo4j_server, label=f"Clew_test_{secrets.token_hex(6)}", failures=1, wait_seconds=0.1) as store:
        fill(store)
        store._failed(store._breaker.admit(), "away for a moment")
        assert store.problem
        end = time.monotonic() + HANG_SECONDS
        while store.problem and time.monotonic() < end:
            time.sleep(0.05)
        assert store.problem == ""
        assert ask(store)


def test_a_statement_that_was_too_slow_to_compile_is_there_the_next_time(neo4j_server):
    with at(neo4j_server, label=f"Clew_test_{secrets.token_hex(6)}", longest_ms=30_000) as store:
        fill(store)
        with pytest.raises(StageUnavailable):
            store.neighbourhood(["a"], Walk(hops=3), Deadline.after_ms(1))
        assert store._warming is not None
        store._warming.result(30)
        start = time.monotonic()
        assert store.neighbourhood(["a"], Walk(hops=3), Deadline()).nodes == ("a", "b", "c")
        with pytest.raises(StageUnavailable, match="no time"):
            store.neighbourhood(["a"], Walk(hops=3), Deadline(start))


def test_the_callers_own_haste_does_not_open_the_breaker(neo4j_server):
    with at(neo4j_server, label="Clew_test_haste", failures=2) as store:
        fill(store)
        for _ in range(10):
            with pytest.raises(StageUnavailable, match="no time was left"):
                ask(store, 0)
        with listening() as (port, _), opened(f"bolt://127.0.0.1:{port}", failures=2) as other:
            for _ in range(5):
                assert "within 5 ms" in reason(other, 5)
        assert ask(store) == ("a", "b")


# ---------------------------------------------------------------- it is there, and refuses


def test_a_wrong_password_is_said_and_never_shown(neo4j_server, caplog):
    wrong = "Xq7-not-the-password"
    caplog.set_level(logging.DEBUG)
    # Another user than that of the other tests: after three wrong passwords the server locks a user for a while.
    with opened(neo4j_server.uri, "nobody", wrong) as store:
        said = [reason(store) for _ in range(5)]
        shown = [repr(store), *said, *(repr(value) for value in vars(store).values())]
    assert "password is wrong" in said[0]
    assert neo4j_server.uri in said[0]
    assert caplog.records
    for text in [*shown, *(record.getMessage() for record in caplog.records)]:
        assert wrong not in text


def test_the_error_has_no_cause_that_could_show_more(neo4j_server):
    with opened(neo4j_server.uri, "somebody", "wrong") as store:
        with pytest.raises(StageUnavailable) as caught:
            ask(store)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


def test_a_database_that_does_not_exist(neo4j_server):
    with at(neo4j_server, spec={"database": "nowhere"}) as store:
        assert reason(store) == f"the database 'nowhere' does not exist at {neo4j_server.uri}"


def test_no_password_names_the_variable(monkeypatch):
    monkeypatch.delenv("CLEW_TEST_PASSWORD", raising=False)
    with pytest.raises(UsageError, match="CLEW_TEST_PASSWORD is not set"):
        Neo4jStore(Neo4jSpec(uri="bolt://x:1", password_env="CLEW_TEST_PASSWORD"), LABEL)


def test_a_slow_answer_is_left_and_the_server_stops_working_on_it(neo4j_server):
    with at(neo4j_server, label="Clew_test_slow") as store:
        start = time.monotonic()
        with pytest.raises(StageUnavailable, match="within 200 ms"):
            store._read(SLOW, {}, Deadline.after_ms(200))
        assert time.monotonic() - start < HANG_SECONDS
        assert _ends(store, SLOW)


def _ends(store, text, seconds=20.0):
    """Whether a statement is no longer running on the server."""
    end = time.monotonic() + seconds
    running = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery STARTS WITH $ask.text RETURN count(*) AS running"
    while time.monotonic() < end:
        if store._read(running, {"text": text[:60]}, Deadline()) == [[0]]:
            return True
        time.sleep(0.2)
    return False


def test_the_server_ends_it_at_the_deadline_by_itself(neo4j_server):
    """Ask on the loop without the facade's limit, so that only the limit passed to the server is left."""
    with at(neo4j_server, label="Clew_test_slow", failures=100) as store:
        start = time.monotonic()
        with pytest.raises(StageUnavailable, match="no answer"):
            store._ask(lambda: store._rows(SLOW, {}, 0.2), None)
        assert time.monotonic() - start < 20


def test_an_error_in_the_statement_is_a_bug_and_surfaces(neo4j_server):
    from neo4j.exceptions import ClientError

    with at(neo4j_server, failures=1) as store:
        for _ in range(3):
            with pytest.raises(ClientError, match="Invalid input"):
                store._read("MACTH (n) RETURN n", {}, Deadline())
        assert store._breaker.state == "closed"


def test_an_error_of_the_server_is_not(own_neo4j_server):
    """A transaction that outgrows the server's memory: Neo.TransientError."""
    greedy = "UNWIND range(1, 100000000) AS a WITH collect(a) AS many RETURN size(many)"
    with at(own_neo4j_server, longest_ms=60_000) as store:
        with pytest.raises(StageUnavailable) as caught:
            store._read(greedy, {}, Deadline())
        assert caught.value.message.startswith(f"{own_neo4j_server.uri} cannot answer now (Neo.TransientError.")
        assert store._read("RETURN 1", {}, Deadline()) == [[1]]


def test_more_callers_than_connections(neo4j_server):
    with at(neo4j_server, label="Clew_test_crowd", spec={"connections": 2}, longest_ms=60_000) as store:
        fill(store)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(store, 60_000))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [("a", "b")] * 20


def test_callers_that_give_up_while_they_queue_take_no_connection_with_them(neo4j_server):
    with at(neo4j_server, label="Clew_test_crowd", spec={"connections": 2}, failures=1_000) as store:
        fill(store)

        def give_up():
            with pytest.raises(StageUnavailable):
                store._read(SLOW, {}, Deadline.after_ms(300))

        for _ in range(3):
            threads = [threading.Thread(target=give_up) for _ in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert ask(store, 30_000) == ("a", "b")


# ---------------------------------------------------------------- it goes away and comes back


def test_paused_and_resumed(own_neo4j_server):
    server = own_neo4j_server
    with at(server, longest_ms=2_000, wait_seconds=0.2, spec={"connections": 2}) as store:
        fill(store)
        assert recovers(store) == ("a", "b")
        server.pause()
        for _ in range(4):
            start = time.monotonic()
            reason(store, 150)
            assert time.monotonic() - start < HANG_SECONDS
            time.sleep(0.3)
        start = time.monotonic()
        with pytest.raises(StageUnavailable):
            store.neighbourhood(["a"], Walk(), Deadline())
        assert time.monotonic() - start < 2 + HANG_SECONDS
        server.resume()
        assert recovers(store) == ("a", "b")
        # No place in the pool was lost: all connections can be had at once.
        threads = [threading.Thread(target=recovers, args=(store,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert recovers(store) == ("a", "b")


def test_closes_while_the_server_hangs(own_neo4j_server):
    before = open_now()
    with at(own_neo4j_server) as store:
        fill(store)
        waiting = threading.Thread(target=reason, args=(store, 30_000))
        own_neo4j_server.pause()
        waiting.start()
        time.sleep(0.3)
        start = time.monotonic()
        store.close()
        store.close()
        assert time.monotonic() - start < 10
        waiting.join(10)
        assert not waiting.is_alive()
        with pytest.raises(StageUnavailable, match="closed"):
            ask(store)
    own_neo4j_server.resume()
    assert settled(before) == before


def test_killed_mid_query_and_restarted(own_neo4j_server):
    server = own_neo4j_server
    with at(server, wait_seconds=0.2, longest_ms=60_000) as store:
        fill(store)
        said = []

        def wait():
            try:
                store._read(SLOW, {}, Deadline())
            except StageUnavailable as error:
                said.append(error.message)

        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(1)
        server.kill()
        waiting.join(20)
        assert said == [f"cannot reach {server.uri}"]
        for _ in range(3):
            reason(store)
        assert "no calls since" in reason(store)
        server.restart()
        assert recovers(store) == ("a", "b")


def test_a_restart_between_two_questions_is_not_noticed(own_neo4j_server):
    """All connections in the pool are dead then; one is met, and the question is asked again."""
    with at(own_neo4j_server, longest_ms=30_000) as store:
        fill(store)
        threads = [threading.Thread(target=ask, args=(store, 20_000)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        own_neo4j_server.restart()
        assert ask(store, 30_000) == ("a", "b")


def test_killed_while_everything_is_read(own_neo4j_server):
    with at(own_neo4j_server) as store:
        store.write([Entity(f"n{number:05}", description="x" * 2_000) for number in range(20_000)], [])
        reading = store.all_entities()
        assert next(reading).id == "n00000"
        own_neo4j_server.kill()
        with pytest.raises(StageUnavailable, match="cannot reach"):
            list(reading)


# ---------------------------------------------------------------- nothing stays behind


def test_nothing_leaks_after_answers_and_failures(neo4j_server):
    before = open_now()
    with at(neo4j_server, label="Clew_test_leak", failures=1_000) as store:
        fill(store)
        for _ in range(20):
            ask(store)
        for _ in range(25):
            with pytest.raises(StageUnavailable):
                store._read(SLOW, {}, Deadline.after_ms(60))
        unread = store.all_entities()
        next(unread)
        unread.close()
    assert settled(before) == before


def test_nothing_leaks_after_failed_calls():
    before = open_now()
    with listening() as (port, came):
        with opened(f"bolt://127.0.0.1:{port}", failures=1_000) as silent:
            for _ in range(50):
                reason(silent, 20)
        assert came
    with free_port() as port, opened(f"bolt://127.0.0.1:{port}", failures=1_000) as absent:
        for _ in range(50):
            reason(absent)
    assert settled(before) == before


def test_a_store_that_was_never_asked_holds_nothing():
    before = open_now()
    with opened("bolt://127.0.0.1:1"):
        assert open_now()[1] == before[1]
    assert settled(before) == before


def test_the_store_uses_the_breaker_of_the_room(neo4j_server):
    with at(neo4j_server) as store:
        assert isinstance(store._breaker, CircuitBreaker)
