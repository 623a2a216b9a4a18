"""Unsigned integers of 64 to 512 bits inside numba, written with Python's own operators.

numba knows 64 bits at most. LLVM takes integers of any width: addition, subtraction, comparison and constant shifts of
``i256`` become chains of add-with-carry on every processor that LLVM writes for. So a :class:`Wide` is one more numba
type, held in one LLVM value, and ``a + b * c >> 96`` means what it means for ``uint256`` in the contracts: everything
wraps modulo 2**bits, every comparison is unsigned. Only multiplication is spelt out here in limbs of 64 bits (LLVM's
own expansion is slow), and division lives in ``limbs_division`` (LLVM's would be one bit at a time, or a call of a
library that is not there).

In compiled code: ``u64(x)``, ``u128(x)``, ``u256(x)``, ``u512(x)`` convert (zero-extend or cut); operands of two
widths meet at the wider one; a plain number beside a wide one is taken at its width (a negative one in two's
complement). Shifts must be shorter than the width. For mypy all of them are ``int``, which is what they are to the
reader.

Importing this imports numba (about a second): only ``world/tape`` does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

import numba.core.datamodel
import numba.core.imputils
import numba.core.typing.templates
import numba.extending
from llvmlite import ir  # type: ignore[import-untyped]

# numba's own annotations cover what its users call, not what its extenders do.
types: Any = numba.core.types
models: Any = numba.core.datamodel.models
templates: Any = numba.core.typing.templates
imputils: Any = numba.core.imputils
extending: Any = numba.extending

_LIMB = ir.IntType(64)
_DOUBLE = ir.IntType(128)


class Wide(types.Type):  # type: ignore[misc]
    """numba's name for an unsigned integer of ``bits`` bits."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__(name=f"wide{bits}")


@extending.register_model(Wide)
class _WideModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, wide: Wide) -> None:
        super().__init__(manager, wide, ir.IntType(wide.bits))


def _resized(builder: Any, value: Any, source: Any, bits: int) -> Any:
    """An LLVM integer of another width; only a signed plain number keeps its sign."""
    target = ir.IntType(bits)
    if value.type.width > bits:
        return builder.trunc(value, target)
    if value.type.width == bits:
        return value
    signed = isinstance(source, types.Integer) and source.signed
    return builder.sext(value, target) if signed else builder.zext(value, target)


def _limbs_of(builder: Any, value: Any) -> list[Any]:
    count = value.type.width // 64
    shifted = [builder.lshr(value, ir.Constant(value.type, 64 * index)) for index in range(count)]
    return [builder.trunc(limb, _LIMB) if count > 1 else limb for limb in shifted]


def _joined(builder: Any, limbs: list[Any], bits: int) -> Any:
    target = ir.IntType(bits)
    total = ir.Constant(target, 0)
    for index, limb in enumerate(limbs):
        wide = builder.zext(limb, target) if bits > 64 else limb
        total = builder.or_(total, builder.shl(wide, ir.Constant(target, 64 * index)))
    return total


def _product(builder: Any, a: Any, b: Any, bits: int) -> Any:
    """Schoolbook rows of 64 x 64 -> 128 bits; ``limb * limb + limb + carry`` just fits in 128."""
    if bits <= 128:
        return builder.mul(a, b)
    rows, columns = _limbs_of(builder, a), _limbs_of(builder, b)
    total = [ir.Constant(_LIMB, 0)] * (bits // 64)
    for row, left in enumerate(rows):
        carry = ir.Constant(_LIMB, 0)
        for column, right in enumerate(columns[: len(total) - row]):
            cell = builder.mul(builder.zext(left, _DOUBLE), builder.zext(right, _DOUBLE))
            cell = builder.add(cell, builder.zext(total[row + column], _DOUBLE))
            cell = builder.add(cell, builder.zext(carry, _DOUBLE))
            total[row + column] = builder.trunc(cell, _LIMB)
            carry = builder.trunc(builder.lshr(cell, ir.Constant(_DOUBLE, 64)), _LIMB)
        if row + len(columns) < len(total):
            total[row + len(columns)] = carry
    return _joined(builder, total, bits)


def _width(arguments: tuple[Any, ...]) -> int | None:
    """The width at which two operands meet; None unless one is wide and the other wide or a plain number."""
    if len(arguments) != 2 or not all(isinstance(kind, Wide | types.Integer) for kind in arguments):
        return None
    return max((kind.bits for kind in arguments if isinstance(kind, Wide)), default=None)


def _template(symbol: Any, *, compares: bool) -> None:
    class Template(templates.AbstractTemplate):  # type: ignore[misc]
        key = symbol

        def generic(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:  # noqa: ARG002
            bits = _width(arguments)
            if bits is None:
                return None
            # A literal stays the type it has: its value is part of it and LLVM folds it anyway.
            kinds = [types.unliteral(kind) for kind in arguments]
            return templates.signature(types.boolean if compares else Wide(bits), *kinds)

    templates.infer_global(symbol)(Template)


def _lowering(symbol: Any, emit: Callable[[Any, Any, Any, int], Any]) -> None:
    def lower(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        bits = cast(int, _width(sig.args))
        a, b = (_resized(builder, value, kind, bits) for value, kind in zip(values, sig.args, strict=True))
        return emit(builder, a, b, bits)

    for kinds in ((Wide, Wide), (Wide, types.Integer), (types.Integer, Wide)):
        imputils.lower_builtin(symbol, *kinds)(lower)


_OPERATIONS: dict[Any, Callable[[Any, Any, Any, int], Any]] = {
    operator.add: lambda builder, a, b, bits: builder.add(a, b),  # noqa: ARG005
    operator.sub: lambda builder, a, b, bits: builder.sub(a, b),  # noqa: ARG005
    operator.mul: _product,
    operator.and_: lambda builder, a, b, bits: builder.and_(a, b),  # noqa: ARG005
    operator.or_: lambda builder, a, b, bits: builder.or_(a, b),  # noqa: ARG005
    operator.xor: lambda builder, a, b, bits: builder.xor(a, b),  # noqa: ARG005
    operator.lshift: lambda builder, a, b, bits: builder.shl(a, b),  # noqa: ARG005
    operator.rshift: lambda builder, a, b, bits: builder.lshr(a, b),  # noqa: ARG005
}
_IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.iand: operator.and_,
    operator.ior: operator.or_,
    operator.ixor: operator.xor,
    operator.ilshift: operator.lshift,
    operator.irshift: operator.rshift,
}
for _symbol, _emit in _OPERATIONS.items():
    _template(_symbol, compares=False)
    _lowering(_symbol, _emit)
for _symbol, _plain in _IN_PLACE.items():
    _template(_symbol, compares=False)
    _lowering(_symbol, _OPERATIONS[_plain])


def _comparison(symbol: Any, sign: str) -> None:
    _template(symbol, compares=True)
    _lowering(symbol, lambda builder, a, b, bits: builder.icmp_unsigned(sign, a, b))  # noqa: ARG005


for _symbol, _sign in (
    (operator.eq, "=="),
    (operator.ne, "!="),
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
):
    _comparison(_symbol, _sign)


def _cast(context: Any, builder: Any, source: Any, target: Any, value: Any) -> Any:  # noqa: ARG001
    return _resized(builder, value, source, target.bits)


for _source in (Wide, types.Integer):
    extending.lower_cast(_source, Wide)(_cast)


def _conversion(bits: int) -> Callable[[Any], int]:
    def convert(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
        if not isinstance(value, Wide | types.Integer):
            return None

        def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
            return _resized(builder, values[0], sig.args[0], bits)

        return Wide(bits)(types.unliteral(value)), emit

    return cast("Callable[[Any], int]", extending.intrinsic(convert))


u64, u128, u256, u512 = _conversion(64), _conversion(128), _conversion(256), _conversion(512)


def _kept_apart(typing_context: Any) -> Any:  # noqa: ARG001
    """As the first statement of a function: LLVM does not copy it into its callers. The large ones, called from many
    places, would multiply the time it takes to compile."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), emit


def _as_word(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
    """The lowest 64 bits as the ``uint64`` that numpy arrays hold."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        return _resized(builder, values[0], sig.args[0], 64)

    return types.uint64(value), emit


def _as_int(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
    """The lowest 64 bits as a plain ``int64``."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        return _resized(builder, values[0], sig.args[0], 64)

    return types.int64(value), emit


def _full_product(typing_context: Any, a: Any, b: Any) -> Any:  # noqa: ARG001
    """``a * b`` at twice the width of the operands, which must have the same."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        bits = sig.return_type.bits
        if bits == 128:
            return builder.mul(*(builder.zext(value, _DOUBLE) for value in values))
        return _product(builder, values[0], values[1], bits)

    return Wide(2 * a.bits)(a, b), emit


def _shifted_left(typing_context: Any, value: Any, count: Any) -> Any:  # noqa: ARG001
    """``value << count`` for a count below 128 that is known only when it runs (LLVM's own goes through memory)."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        zero = ir.Constant(_LIMB, 0)
        limbs, amount = _limbs_of(builder, values[0]), _resized(builder, values[1], sig.args[1], 64)
        whole = builder.icmp_unsigned(">=", amount, ir.Constant(_LIMB, 64))
        moved = [builder.select(whole, lower, limb) for limb, lower in zip(limbs, [zero, *limbs], strict=False)]
        kind = ir.FunctionType(_LIMB, [_LIMB] * 3)
        funnel = builder.module.declare_intrinsic("llvm.fshl", [_LIMB], kind)  # takes the count modulo 64
        turned = [
            builder.call(funnel, [limb, lower, amount]) for limb, lower in zip(moved, [zero, *moved], strict=False)
        ]
        return _joined(builder, turned, values[0].type.width)

    return value(value, types.unliteral(count)), emit


def _leading_zeros(typing_context: Any, value: Any) -> Any:  # noqa: ARG001
    """How many of the highest bits are zero, as a plain number."""

    def emit(context: Any, builder: Any, sig: Any, values: Any) -> Any:  # noqa: ARG001
        count = builder.ctlz(values[0], ir.Constant(ir.IntType(1), 0))
        return _resized(builder, count, sig.args[0], 64)

    return types.int64(value), emit


# For mypy a wide integer is an int; so these are functions of ints.
kept_apart = cast("Callable[[], None]", extending.intrinsic(_kept_apart))
as_word = cast("Callable[[int], Any]", extending.intrinsic(_as_word))
as_int = cast("Callable[[int], int]", extending.intrinsic(_as_int))
full_product = cast("Callable[[int, int], int]", extending.intrinsic(_full_product))
shifted_left = cast("Callable[[int, int], int]", extending.intrinsic(_shifted_left))
leading_zeros = cast("Callable[[int], int]", extending.intrinsic(_leading_zeros))
