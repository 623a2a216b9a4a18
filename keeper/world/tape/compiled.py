"""How sweeps over a tape are compiled. Importing this module imports numba (about a second): import it, and the
kernels, only inside the function that needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(signature: str) -> Callable[[_Function], _Function]:
    """``numba.njit`` for one explicit signature, without the interpreter's lock. Where no folder at all can hold the
    cache numba refuses to cache: then compile afresh in this process."""

    def wrap(function: _Function) -> _Function:
        def jit(cache: bool) -> _Function:
            machine = numba.njit(signature, cache=cache, nogil=True, error_model="numpy")(function)
            return cast(_Function, machine)

        try:
            return jit(True)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return jit(False)

    return wrap
