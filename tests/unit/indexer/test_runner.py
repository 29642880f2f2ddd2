"""Runners: results of every task, errors as they were, dead workers named, no orphans."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clew.core.errors import ClewError, DataError
from clew.indexer.runner import InProcess, LocalProcesses, Task, local_runner


def square(number):
    return number * number


def fail():
    raise DataError("shop.jsonl:3: broken", "mend it")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def processes():
    runner = LocalProcesses(2, 1)
    yield runner
    runner.close()


@pytest.fixture(params=["here", "processes"])
def runner(request, processes):
    return InProcess() if request.param == "here" else processes


def test_every_task_comes_back_with_its_result(runner):
    tasks = (Task("square", square, (number,), key=number) for number in range(9))
    assert {task.key: result for task, result in runner.run(tasks)} == {n: n * n for n in range(9)}
    assert list(runner.run([])) == []


def test_an_error_crosses_whole(runner):
    with pytest.raises(DataError) as error:
        list(runner.run([Task("fail", fail)]))
    assert (error.value.message, error.value.hint) == ("shop.jsonl:3: broken", "mend it")


def test_tasks_are_taken_as_needed(processes):
    taken = []

    def tasks():
        for number in range(50):
            taken.append(number)
            yield Task("square", square, (number,))

    running = processes.run(tasks())
    next(running)
    assert len(taken) <= 8
    running.close()


def test_a_dead_worker_is_named_with_its_task():
    runner = LocalProcesses(1, 1)
    try:
        with pytest.raises(ClewError, match="a worker process died during 'encode passages 0 on'"):
            list(runner.run([Task("encode passages 0 on", die)]))
    finally:
        runner.close()


def test_one_worker_is_this_process():
    assert isinstance(local_runner(1, 0), InProcess)


def test_workers_end_when_their_build_is_killed(tmp_path):
    code = """
import os, sys, time
from clew.indexer.runner import LocalProcesses, Task
if __name__ == "__main__":
    runner = LocalProcesses(1, 1)
    for _, pid in runner.run([Task("pid", os.getpid)]):
        print(pid, flush=True)
    time.sleep(60)
"""
    script = tmp_path / "parent.py"
    script.write_text(code)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    for _ in range(200):
        if not alive(worker):
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker outlived its build")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
