"""Compile loops with numba.

Importing a module with compiled functions compiles or loads their machine code, so import it (or call
`clew.search.candidates.bm25.warm`) before the first query is timed. The machine code is cached next to the module, in
the user's cache folder if the module's folder is read-only (numba's own rule; NUMBA_CACHE_DIR overrides it), and not at
all if neither is writable. Numba invalidates the cache by the content of the function's own file only, so compiled
functions must not call compiled functions of another file.

All arrays that a function only reads are typed read-only, so memory-mapped files can be passed unchanged. There is no
fast-math, so that results are the same to the bit on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import types as nb

Function = TypeVar("Function", bound=Callable[..., Any])


def read_only(dtype: Any, dimensions: int = 1) -> Any:
    """Return the numba type of a read-only array."""
    return nb.Array(dtype, dimensions, "C", readonly=True)


def compiled(signature: Any) -> Callable[[Function], Function]:
    """Compile a function for one signature when its module is imported, or load its machine code from the cache."""

    def compile_it(function: Function) -> Function:
        try:
            machine_code: Function = numba.njit(signature, cache=True, nogil=True)(function)
        except (AttributeError, ImportError):
            # An earlier version of the file left a cache that refers to names which no longer exist.
            _remove_cache(function)
            machine_code = numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            machine_code = numba.njit(signature, nogil=True)(function)
        return machine_code

    return compile_it


def _remove_cache(function: Callable[..., Any]) -> None:
    """Remove the index of a function's cached machine code, so that it is compiled again."""
    folder = numba.njit(cache=True)(function).stats.cache_path
    name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"
    for index in Path(folder).glob(f"{name}-*.nbi") if folder else ():
        index.unlink(missing_ok=True)
