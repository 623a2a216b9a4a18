"""Decimal text to limbs and back, straight from and into arrow's buffers: no Python integer per row.

Importing this module imports numba (about a second) and loads or compiles two functions: import it only inside the
function that needs it. Numbers are worked on in halves of limbs (32 bits), nine decimal digits at a time, so that
every product fits into 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

_Function = TypeVar("_Function", bound=Callable[..., Any])

GOOD: Final = -1
_HALVES: Final = 8


class UnreadableIntegerError(ValueError):
    """``row`` (from 0) holds a text that is no integer, or one that does not fit."""

    def __init__(self, row: int, text: str) -> None:
        self.row, self.text = row, text
        super().__init__(text)


def _compiled(signature: Any) -> Callable[[_Function], _Function]:
    """Compiled once and kept beside the file; afresh in each process where no folder at all can hold the cache."""

    def wrap(function: _Function) -> _Function:
        try:
            return cast(_Function, numba.njit(signature, cache=True)(function))
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return cast(_Function, numba.njit(signature)(function))

    return wrap


# What arrow holds may not be written to; numba tells such arrays apart.
_OFFSETS: Final = numba.types.Array(numba.types.int64, 1, "C", readonly=True)
_OCTETS: Final = numba.types.Array(numba.types.uint8, 1, "C", readonly=True)
_MASK: Final = numba.types.Array(numba.types.boolean, 1, "C", readonly=True)
_FLAG: Final = numba.types.boolean
_LIMBS: Final = numba.types.Array(numba.types.uint64, 2, "C")


@_compiled(numba.types.int64(_OFFSETS, _OCTETS, _MASK, _FLAG, _FLAG, _LIMBS))
def _parse(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], valid: NDArray[np.bool_], signed: bool, point_zero: bool,
    out: NDArray[np.uint64],
) -> int:  # fmt: skip
    """Fills ``out``; -1, or the first row that is no integer of that size. ``point_zero``: "7.0" is 7."""
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    limbs = out.shape[1]
    halves = np.zeros(_HALVES, dtype=np.uint64)
    for row in range(len(valid)):
        if not valid[row]:
            continue
        at, end = offsets[row], offsets[row + 1]
        negative = at < end and data[at] == 45
        if at < end and (negative or data[at] == 43):
            at += 1
        if point_zero:
            cut = end
            while cut > at and data[cut - 1] == 48:
                cut -= 1
            if cut > at and data[cut - 1] == 46:
                end = cut - 1
        if at >= end:
            return row
        used = 0
        halves[:] = np.uint64(0)
        while at < end:
            stop = min(at + 9, end)
            chunk, scale = np.uint64(0), np.uint64(1)
            while at < stop:
                digit = np.int64(data[at]) - 48
                if digit < 0 or digit > 9:
                    return row
                chunk = chunk * np.uint64(10) + np.uint64(digit)
                scale = scale * np.uint64(10)
                at += 1
            for place in range(used):
                chunk += halves[place] * scale
                halves[place] = chunk & low
                chunk >>= shift
            if chunk:
                if used == 2 * limbs:
                    return row
                halves[used] = chunk
                used += 1
        for limb in range(limbs):
            out[row, limb] = halves[2 * limb] | (halves[2 * limb + 1] << shift)
        top = out[row, limbs - 1] >> np.uint64(63)
        if negative:
            if not signed and used > 0:
                return row
            carry = np.uint64(1)
            for limb in range(limbs):
                out[row, limb] = ~out[row, limb] + carry
                carry = np.uint64(1) if carry and out[row, limb] == 0 else np.uint64(0)
            if used > 0 and not out[row, limbs - 1] >> np.uint64(63):
                return row
        elif signed and top:
            return row
    return -1


@_compiled(
    numba.types.int64(
        numba.types.Array(numba.types.uint64, 2, "C", readonly=True), _MASK, _FLAG,
        numba.types.Array(numba.types.int32, 1, "C"), numba.types.Array(numba.types.uint8, 1, "C"),
    )
)  # fmt: skip
def _write(
    limbs: NDArray[np.uint64], valid: NDArray[np.bool_], signed: bool, offsets: NDArray[np.int32],
    data: NDArray[np.uint8],
) -> int:  # fmt: skip
    """Decimal texts of the rows into ``data``, one after the other; how many bytes there are."""
    ten9 = np.uint64(1_000_000_000)
    halves = np.zeros(_HALVES, dtype=np.uint64)
    digits = np.zeros(90, dtype=np.uint8)
    at = 0
    for row in range(len(valid)):
        offsets[row] = at
        if not valid[row]:
            continue
        count = limbs.shape[1]
        negative = signed and (limbs[row, count - 1] >> np.uint64(63)) != 0
        carry = np.uint64(1)
        for limb in range(count):
            value = limbs[row, limb]
            if negative:
                value = ~value + carry
                carry = np.uint64(1) if carry and value == 0 else np.uint64(0)
            halves[2 * limb] = value & np.uint64(0xFFFFFFFF)
            halves[2 * limb + 1] = value >> np.uint64(32)
        top, written = 2 * count, 0
        while top > 0 and halves[top - 1] == 0:
            top -= 1
        while top > 0:
            rest = np.uint64(0)
            for place in range(top - 1, -1, -1):
                value = (rest << np.uint64(32)) | halves[place]
                halves[place] = value // ten9
                rest = value % ten9
            while top > 0 and halves[top - 1] == 0:
                top -= 1
            for _ in range(9):
                digits[written] = np.uint8(48 + rest % np.uint64(10))
                rest //= np.uint64(10)
                written += 1
        while written > 1 and digits[written - 1] == 48:
            written -= 1
        if written == 0:
            digits[0] = np.uint8(48)
            written = 1
        if negative:
            data[at] = np.uint8(45)
            at += 1
        for place in range(written - 1, -1, -1):
            data[at] = digits[place]
            at += 1
    offsets[len(valid)] = at
    return at


def limbs_of(column: Any, count: int, *, signed: bool, point_zero: bool = False) -> NDArray[np.uint64]:
    """The integers of an arrow column of text or integers as rows of ``count`` limbs; 0 where it holds nothing.

    Raises:
        UnreadableIntegerError: a row is no integer, or does not fit.
    """
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return _widened(column, count, signed=signed)
    if not pa.types.is_large_string(column.type):
        column = column.cast(pa.large_string())
    _, offsets, data = column.buffers()
    rows = len(column)
    out = np.zeros((rows, count), dtype=np.uint64)
    if rows == 0 or offsets is None:
        return out
    starts = np.frombuffer(offsets, dtype=np.int64, count=rows + 1, offset=8 * column.offset)
    octets = np.frombuffer(data if data is not None and data.size else b"\0", dtype=np.uint8)
    bad = _parse(starts, octets, is_valid(column), signed, point_zero, out)
    if bad != GOOD:
        raise UnreadableIntegerError(int(bad), str(column[int(bad)].as_py()))
    return out


def text_of(limbs: NDArray[np.uint64], valid: NDArray[np.bool_], *, signed: bool) -> Any:
    """An arrow column of decimal text of the rows; nothing where ``valid`` is not."""
    import pyarrow as pa

    rows = len(limbs)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    data = np.zeros(max(1, rows * 20 * limbs.shape[1]), dtype=np.uint8)
    size = _write(np.ascontiguousarray(limbs), np.ascontiguousarray(valid), signed, offsets, data)
    mask = pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(
        pa.string(), rows, [mask, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data[:size].tobytes())]
    )


def is_valid(column: Any) -> NDArray[np.bool_]:
    """Where an arrow column holds something."""
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _widened(column: Any, count: int, *, signed: bool) -> NDArray[np.uint64]:
    import pyarrow as pa

    filled = column.fill_null(0)
    values = filled.to_numpy(zero_copy_only=False)
    if not signed and (values < 0).any():
        row = int(np.argmax(values < 0))
        raise UnreadableIntegerError(row, str(values[row]))
    out = np.zeros((len(values), count), dtype=np.uint64)
    if pa.types.is_unsigned_integer(column.type):
        out[:, 0] = values
        return out
    wide = values.astype(np.int64)
    out[:, 0] = wide.view(np.uint64)
    out[:, 1:] = (wide >> 63).view(np.uint64)[:, None]
    return out
