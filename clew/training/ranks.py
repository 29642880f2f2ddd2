"""The processes of one run, as torchrun and accelerate start them: the first decides, writes and speaks for all."""

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
# Mining and measuring are done by one process while the others wait. The trainer's own group gives up much sooner,
# which is right for gradients: there it means that something hangs.
PATIENCE = timedelta(days=30)
GRADIENTS_WITHIN = timedelta(minutes=30)
# What gloo and nccl say where the other end is gone.
_LOST = re.compile(r"(closed|reset) by peer|refused|broken pipe|remote (process|error)|timed? ?out", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that share a run. rank: which one this is, from 0; count: how many there are."""

    rank: int = 0
    count: int = 1
    _group: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that decides, writes and speaks."""
        return self.rank == 0

    def once(self, make: Callable[[], T]) -> T:
        """What `make` gives in the first process, in every process; the others wait for it, however long it takes."""
        if self.count == 1:
            return make()
        import torch.distributed

        said: list[Any] = [make() if self.first else None]
        with self.together():
            torch.distributed.broadcast_object_list(said, src=0, group=self._group)
        found: T = said[0]
        return found

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.count > 1:
            import torch.distributed

            with self.together():
                torch.distributed.barrier(group=self._group)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """The first process does what is inside, then the others do, and find the work done.

        An error that all would meet is met and told by the first alone: the others end with it.
        """
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Say in one line that another process has ended, instead of what its silence does to a library."""
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not _LOST.search(str(error)):
                raise
            raise ClewError(
                f"process {self.rank} of {self.count}: another process of this run has stopped",
                "the error of that process says why; the same command resumes the run from its last checkpoint",
            ) from error

    def leave(self) -> None:
        """End the bond between the processes, when a run has gone well."""
        if self.count > 1:
            import torch.distributed

            torch.distributed.destroy_process_group()
            joined.cache_clear()


@cache
def joined() -> Ranks:
    """The processes that this one was started with: alone, unless torchrun or accelerate started several.

    Raises UsageError where there are GPUs, and fewer than processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or "LOCAL_RANK" not in os.environ:
        return Ranks()
    import torch.distributed
    from accelerate import PartialState

    graphics = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if 0 < graphics <= int(os.environ["LOCAL_RANK"]):
        raise UsageError(
            f"{os.environ.get('LOCAL_WORLD_SIZE')} processes, but this machine has {graphics} GPUs",
            f"start at most one process per GPU: torchrun --nproc-per-node {graphics}",
        )
    state = PartialState(cpu=not graphics, timeout=GRADIENTS_WITHIN)
    group = torch.distributed.new_group(backend="gloo", timeout=PATIENCE)
    return Ranks(state.process_index, state.num_processes, group)
