"""Wide integers in arrays of 64-bit words, for compiled code: one load or store of the processor's own, unchecked.

The caller has seen to it that the words are there. Words are little-endian, lowest first, as ``events`` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numpy.typing import NDArray

from keeper.world.tape.limbs import Wide, extending, types

Words = NDArray[np.uint64]


def _place(context: Any, builder: Any, array_type: Any, values: Any, bits: int) -> Any:
    data = context.make_array(array_type)(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), ir.IntType(bits).as_pointer())


def _loader(bits: int, result: Any) -> Callable[[Words, int], int]:
    def load(typing_context: Any, words: Any, at: Any) -> Any:  # noqa: ARG001
        def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            return builder.load(_place(context, builder, sig.args[0], values, bits), align=8)

        return result(words, types.int64), emit

    return cast("Callable[[Words, int], int]", extending.intrinsic(load))


def _storer(bits: int, taken: Any) -> Callable[[Words, int, int], None]:
    def store(typing_context: Any, words: Any, at: Any, value: Any) -> Any:  # noqa: ARG001
        def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            value = values[2]
            if value.type.width > bits:
                value = builder.trunc(value, ir.IntType(bits))
            elif value.type.width < bits:
                value = builder.zext(value, ir.IntType(bits))
            builder.store(value, _place(context, builder, sig.args[0], values, bits), align=8)
            return context.get_dummy_value()

        kind = value if isinstance(value, Wide) else taken
        return types.none(words, types.int64, kind), emit

    return cast("Callable[[Words, int, int], None]", extending.intrinsic(store))


load_128, load_256 = _loader(128, Wide(128)), _loader(256, Wide(256))
store_128, store_256 = _storer(128, Wide(128)), _storer(256, Wide(256))
# One word as the plain number it stands for, signed.
load_int, store_int = _loader(64, types.int64), _storer(64, types.int64)
