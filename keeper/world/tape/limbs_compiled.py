"""How the exact engine is compiled: entries that Python calls, and inner functions that only compiled code calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba.core import compiler

# numba's own annotations cover what its users call, not what its extenders do.
_njit: Any = numba.njit
_Compiler: Any = compiler.Compiler
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _digest_of_sources() -> str:
    files = sorted(path for name in ("limbs*.py", "exact*.py") for path in Path(__file__).parent.glob(name))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


_SOURCES: Final = _digest_of_sources()


def entry(function: _Function) -> _Function:
    """Compiled at its first call and kept on disk: what Python calls.

    numba's cache would notice a change of this function's own file alone, and go on running old arithmetic after a
    change in a file it calls. So what is kept is stamped with the text of all files of the engine.
    """
    try:
        machine = _njit(cache=True, error_model="numpy")(function)
    except RuntimeError as error:  # no folder at all can hold the cache: compile afresh in this process
        if "cannot cache" not in str(error):
            raise
        return cast(_Function, _njit(error_model="numpy")(function))
    machine._cache._cache_file._source_stamp = _SOURCES
    return cast(_Function, machine)


class _InnerCompiler(_Compiler):  # type: ignore[misc]
    """Stops at LLVM's language: optimised machine code is made once, of an entry with all it calls, instead of once
    more for every function beneath it. Should numba's library have other parts one day, everything is made again."""

    def define_pipelines(self) -> Any:
        library = self.state.targetctx.codegen().create_library(self.state.func_id.func_qualname)
        library.enable_object_caching()
        library._optimize_final_module = _nothing
        library._finalize_specific = _nothing
        self.state.library = library
        return super().define_pipelines()


def _nothing() -> None:
    """What is done to an inner function's own module."""


def inner(function: _Function) -> _Function:
    """Compiled into whatever entry calls it, and never on its own: nothing that only Python would need is made."""
    machine = _njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=_InnerCompiler)
    return cast(_Function, machine(function))
