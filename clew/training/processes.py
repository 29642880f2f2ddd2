"""The processes of a training run started by torchrun or accelerate; the first one decides, writes and prints."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from clew.core.errors import ClewError, UsageError

T = TypeVar("T")
# One process mines and measures while the others wait for it. The trainer's own group has a much shorter timeout: if an
# exchange of gradients takes that long, a process hangs.
WAIT_TIMEOUT = timedelta(days=30)
GRADIENT_TIMEOUT = timedelta(minutes=30)
# Messages of gloo and nccl after the other process has stopped.
_LOST = re.compile(r"(closed|reset) by peer|refused|broken pipe|remote (process|error)|timed? ?out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes that share a run. rank: number of this process, from 0. count: how many processes there are."""

    rank: int = 0
    count: int = 1
    _group: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this is the first process, which decides, writes and prints."""
        return self.rank == 0

    def run_on_first(self, make: Callable[[], T]) -> T:
        """Call `make` in the first process and return its result in all; the others wait as long as it takes."""
        if self.count == 1:
            return make()
        import torch.distributed

        results: list[Any] = [make() if self.is_first else None]
        with self.reporting_lost_peers():
            torch.distributed.broadcast_object_list(results, src=0, group=self._group)
        found: T = results[0]
        return found

    def wait(self) -> None:
        """Wait until every process has called this."""
        if self.count > 1:
            import torch.distributed

            with self.reporting_lost_peers():
                torch.distributed.barrier(group=self._group)

    @contextmanager
    def first_process_first(self) -> Iterator[None]:
        """Run the block in the first process, then in the others, which can use the results of the first.

        An error that every process would raise is raised and printed by the first one only.
        """
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    @contextmanager
    def reporting_lost_peers(self) -> Iterator[None]:
        """Turn the RuntimeError of a library, raised because another process has stopped, into a clear ClewError."""
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not _LOST.search(str(error)):
                raise
            raise ClewError(
                f"process {self.rank} of {self.count}: another process of this run has stopped",
                "see the error of that process; to resume the run from its last checkpoint, run the same command again",
            ) from error

    def shut_down(self) -> None:
        """Leave the process group at the end of a successful run."""
        if self.count > 1:
            import torch.distributed

            torch.distributed.destroy_process_group()
            process_group.cache_clear()


@cache
def process_group() -> ProcessGroup:
    """Return the processes of this run: one, unless torchrun or accelerate started several.

    Raises UsageError if the machine has GPUs, but fewer than there are processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "LOCAL_RANK" not in os.environ:
        return ProcessGroup()
    import torch.distributed
    from accelerate import PartialState

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < gpus <= int(os.environ["LOCAL_RANK"]):
        raise UsageError(
            f"{os.environ.get('LOCAL_WORLD_SIZE')} processes were started, but this machine has {gpus} GPUs",
            f"start at most one process per GPU: torchrun --nproc-per-node {gpus}",
        )
    state = PartialState(cpu=not gpus, timeout=GRADIENT_TIMEOUT)
    group = torch.distributed.new_group(backend="gloo", timeout=WAIT_TIMEOUT)
    return ProcessGroup(state.process_index, state.num_processes, group)
