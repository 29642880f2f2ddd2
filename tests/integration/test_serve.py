"""`clew serve` as a process: announces itself, answers over a socket, stops in order, refuses what it must."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.builders import spec_table


@pytest.fixture(scope="module")
def home(built_home):
    return built_home(spec_table(), docs=[{"id": "1", "title": "Oak lamp", "text": "warm"}])


def start(*words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "clew", "serve", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip


def test_it_announces_itself_answers_and_stops_in_order(home):
    server = start("--port", "0", CLEW_HOME=str(home))
    try:
        said = [server.stderr.readline() for _ in range(3)]
        url = re.search(r"http://127\.0\.0\.1:\d+", said[0]).group()
        assert "shop" in said[1]
        example = re.search(r"curl '(.*)'", said[2]).group(1)
        with urllib.request.urlopen(example, timeout=60) as response:
            assert json.load(response)["hits"][0]["id"] == "1"
            assert "server" not in {name.lower() for name in response.headers}
        too_long = urllib.request.Request(f"{url}/v1/search", b" " * (1 << 21), {"content-type": "application/json"})
        with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as refused:
            urllib.request.urlopen(too_long, timeout=60)
        if isinstance(refused.value, urllib.error.HTTPError):
            assert refused.value.code == 413
        with pytest.raises(urllib.error.HTTPError) as long_query:
            urllib.request.urlopen(f"{url}/v1/search?q={'x' * 60_000}", timeout=60)
        assert json.load(long_query.value)["parameter"] == "q"
    finally:
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert "method=GET path=/v1/search status=200" in err


def test_a_port_in_use_is_one_clear_error(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start("--home", str(home), "--port", str(port))
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out) == (1, "")
    assert err.splitlines()[0] == f"clew: port {port} on 127.0.0.1 is in use"
    assert "--port" in err.splitlines()[1]


def test_an_open_address_is_refused(home):
    server = start("--home", str(home), "--host", "0.0.0.0")
    _, err = server.communicate(timeout=60)
    assert server.returncode == 2
    assert "'0.0.0.0' is not a loopback address" in err.splitlines()[0]
