"""256-bit multiply-and-divide with the contracts' own rounding and reverts.

Mirrors Uniswap v3-core ``FullMath.sol``, ``UnsafeMath.sol`` and ``SafeCast.sol``. Python integers do not overflow, so
every place where the contract would revert raises :class:`MathError` here, and every place where it wraps is wrapped on
purpose.
"""

from __future__ import annotations

from typing import Final

Q96: Final = 1 << 96
Q128: Final = 1 << 128
Q192: Final = 1 << 192
MAX_UINT128: Final = (1 << 128) - 1
MAX_UINT160: Final = (1 << 160) - 1
MAX_UINT256: Final = (1 << 256) - 1
MAX_INT128: Final = (1 << 127) - 1
MIN_INT128: Final = -(1 << 127)
MAX_INT256: Final = (1 << 255) - 1
MIN_INT256: Final = -(1 << 255)


class MathError(ArithmeticError):
    """The contract would revert on these inputs."""


def mul_div(a: int, b: int, denominator: int) -> int:
    """``floor(a * b / denominator)`` with a 512-bit intermediate product.

    Raises:
        MathError: the denominator is zero or the result does not fit in 256 bits.
    """
    if denominator == 0:
        raise MathError("mul_div: denominator is zero")
    result = a * b // denominator
    if result > MAX_UINT256:
        raise MathError("mul_div: result exceeds 256 bits")
    return result


def mul_div_rounding_up(a: int, b: int, denominator: int) -> int:
    """``ceil(a * b / denominator)`` with a 512-bit intermediate product.

    Raises:
        MathError: the denominator is zero or the result does not fit in 256 bits.
    """
    if denominator == 0:
        raise MathError("mul_div_rounding_up: denominator is zero")
    result = -(-a * b // denominator)
    if result > MAX_UINT256:
        raise MathError("mul_div_rounding_up: result exceeds 256 bits")
    return result


def div_rounding_up(x: int, y: int) -> int:
    """``ceil(x / y)``; like ``UnsafeMath.divRoundingUp``, dividing by zero gives zero and never reverts."""
    return -(-x // y) if y else 0


def to_uint128(value: int) -> int:
    """The value itself if it fits in 128 unsigned bits; else :class:`MathError`."""
    if not 0 <= value <= MAX_UINT128:
        raise MathError("value does not fit in 128 bits")
    return value


def to_uint160(value: int) -> int:
    """The value itself if it fits in 160 unsigned bits; else :class:`MathError`."""
    if not 0 <= value <= MAX_UINT160:
        raise MathError("value does not fit in 160 bits")
    return value


def to_int256(value: int) -> int:
    """The value itself if it fits in 256 signed bits; else :class:`MathError`."""
    if not MIN_INT256 <= value <= MAX_INT256:
        raise MathError("value does not fit in 256 signed bits")
    return value
