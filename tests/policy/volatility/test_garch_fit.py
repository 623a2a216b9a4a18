"""Our climb and that of `arch` end at the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from keeper.policy.volatility.garch_fit import climb


def described(values: np.ndarray, vol: str, dist: str):  # type: ignore[no-untyped-def]
    from arch import arch_model

    return arch_model(values, mean="Zero", vol=vol, p=1, o=0 if vol == "GARCH" else 1, q=1, dist=dist, rescale=False)  # type: ignore[arg-type]


def returns(seed: int, count: int) -> np.ndarray:
    """A GARCH path with fat tails, of variance one."""
    chance, variance, made = np.random.default_rng(seed), 1.0, []
    for _ in range(count):
        made.append(np.sqrt(variance) * chance.standard_t(5) * np.sqrt(3 / 5))
        variance = 0.05 + 0.08 * made[-1] ** 2 + 0.87 * variance
    return np.array(made) / np.std(made)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dist", ["t", "normal"])
@pytest.mark.parametrize(("vol", "start"), [("GARCH", None), ("EGARCH", None), ("EGARCH", (0.0, 0.1, 0.0, 0.95))])
@pytest.mark.parametrize(("seed", "count"), [(1, 300), (2, 900)])
def test_the_same_end_to_the_last_bit(
    seed: int, count: int, vol: str, start: tuple[float, ...] | None, dist: str
) -> None:
    values = returns(seed, count)
    began = None if start is None else [*start, *([5.0] if dist == "t" else [])]
    theirs = described(values, vol, dist).fit(
        disp="off", show_warning=False, starting_values=None if began is None else np.array(began)
    )
    ours = climb(described(values, vol, dist), began)
    assert ours.params == {str(name): float(value) for name, value in theirs.params.items()}
    assert ours.log_likelihood == theirs.loglikelihood
    assert ours.converged == (theirs.convergence_flag == 0)
    covariance, expected = ours.covariance(), np.asarray(theirs.param_cov)
    assert covariance.tobytes() == expected.tobytes() and covariance.flags.f_contiguous == expected.flags.f_contiguous
