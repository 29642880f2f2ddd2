"""How loops are compiled.

Importing a module with compiled functions compiles or loads their machine code, so import it (or call
`clew.search.candidates.bm25.warm`) before the first query is timed. The code is cached beside the module, in the user's
cache folder where that is read-only (numba's own rule; NUMBA_CACHE_DIR overrides it), and nowhere if neither can be
written. Whether it is still right, numba tells by the bytes of the function's own file, so compiled functions call none
of another file.

All arrays a function only reads are typed read-only, so memory-mapped files go in as they are. No fast-math: what is
computed has the same bits wherever it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import types as nb

Function = TypeVar("Function", bound=Callable[..., Any])


def read_only(dtype: Any, dimensions: int = 1) -> Any:
    """The type of an array that is only read."""
    return nb.Array(dtype, dimensions, "C", readonly=True)


def compiled(signature: Any) -> Callable[[Function], Function]:
    """Compile a function for one signature when its module is imported, or load what was compiled before."""

    def compile_it(function: Function) -> Function:
        try:
            made: Function = numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            made = numba.njit(signature, nogil=True)(function)
        return made

    return compile_it
