"""The model's mathematics against the contracts' libraries, bit for bit, over the whole domain."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from keeper.model import fees, full_math, liquidity, sqrt_price, swap_step, ticks
from tests.evm.functions import BY_NAME, FUNCTIONS, LibraryFunction
from tests.evm.harness import MathEvm, Mismatch, compare

CHUNK = 20_000


def run(evm: MathEvm, function: LibraryFunction, count: int) -> tuple[list[Mismatch], int]:
    """The differences over ``count`` seeded cases, and how many cases were really compared."""
    rng = Random(f"{function.signature} 1")
    mismatches: list[Mismatch] = []
    ran = 0
    for start in range(0, count, CHUNK):
        cases = [function.case(rng) for _ in range(min(CHUNK, count - start))]
        mismatches += compare(evm, function.name, function.signature, function.output_words, function.model, cases)
        ran += len(cases)
    return mismatches, ran


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_model_equals_contract(math_evm: MathEvm, function: LibraryFunction, case_count: int) -> None:
    mismatches, ran = run(math_evm, function, case_count)
    assert ran == case_count
    assert not mismatches, f"{len(mismatches)} of {ran} differ, first: {mismatches[0]}"


REVERTING = (
    "mulDiv",
    "sqrtRatioAtTick",
    "tickAtSqrtRatio",
    "nextFromOutput",
    "swapStep",
    "addDelta",
    "liquidityForAmounts",
)


@pytest.mark.parametrize("name", REVERTING)
def test_the_cases_hold_reverts_and_successes(math_evm: MathEvm, name: str) -> None:
    """Agreement on reverts proves nothing if no case reverts, nor agreement on results if all do."""
    function, rng = BY_NAME[name], Random(7)
    answers = math_evm.run(function.signature, function.output_words, [function.case(rng) for _ in range(1000)])
    assert 5 <= sum(answer is None for answer in answers) <= 800


def flipped(original: Callable[..., int]) -> Callable[..., int]:
    return lambda *args, round_up: original(*args, round_up=not round_up)


MUTATIONS: dict[str, tuple[str, Any, str, Any]] = {
    "amount0 rounded the wrong way": ("amount0Delta", liquidity, "amount0_delta", flipped(liquidity.amount0_delta)),
    "amount1 rounded the wrong way": ("amount1Delta", liquidity, "amount1_delta", flipped(liquidity.amount1_delta)),
    "step fee rounded down": ("swapStep", swap_step, "mul_div_rounding_up", full_math.mul_div),
    "step input rounded down": ("swapStep", swap_step, "amount0_delta", flipped(liquidity.amount0_delta)),
    "next price rounded down": ("nextFromAmount0", sqrt_price, "mul_div_rounding_up", full_math.mul_div),
    "tick off where the logarithm is unsure": ("tickAtSqrtRatio", ticks, "_LOG_ERROR_ABOVE", 0),
    "fees not truncated": ("uncollectedFees", fees, "MAX_UINT128", full_math.MAX_UINT256),
    "growth not wrapped": ("uncollectedFees", fees, "MAX_UINT256", (1 << 255) - 1),
    "division by zero allowed to pass": ("mulDiv", full_math, "MAX_UINT256", 1 << 300),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_wrong_rounding_is_reported(math_evm: MathEvm, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    name, module, attribute, wrong = MUTATIONS[what]
    monkeypatch.setattr(module, attribute, wrong)
    mismatches, _ = run(math_evm, BY_NAME[name], 2000)
    assert mismatches
    assert mismatches[0].model != mismatches[0].contract
