"""``keeper range``: published figures, both quotes, snapping, and clear refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from keeper.commands.range import command
from keeper.model.price import Price, Token


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def report(*arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


@pytest.mark.parametrize(
    ("price", "lower", "upper", "published"),
    [
        ("1", "0.8", "1.2", 10.38),
        ("1", "0.9", "1.1", 20.44),
        ("1", "0.98", "1.02", 100.49),
        ("1", "0.99", "1.01", 200.49),
        ("1.079", "1.063", "1.15", 51.54),
    ],
)
def test_published_amplification(price: str, lower: str, upper: str, published: float) -> None:
    shown = report("--price", price, "--lower", lower, "--upper", upper)
    assert round(shown["amplification"], 2) == published
    assert shown["snapped"]["amplification"] == pytest.approx(published, rel=0.02)


@pytest.mark.parametrize(
    ("ratio", "published"),
    [(1.005, 401.5), (1.01, 201.5), (1.05, 41.5), (1.1, 21.5), (1.2, 11.5), (2, 3.4), (10, 1.5)],
)
def test_published_amplification_of_symmetric_ranges(ratio: float, published: float) -> None:
    shown = report("--price", "1", "--lower", repr(1 / ratio), "--upper", str(ratio))
    assert round(shown["amplification"], 1) == published


def test_the_ticks_are_usable_and_near_what_was_asked() -> None:
    shown = report("--price", "2000", "--lower", "1800", "--upper", "2200", "--decimals1", "6", "--tick-spacing", "60")
    # ln(1800e-12) / ln(1.0001) = -201363.7, ln(2200e-12) / ln(1.0001) = -199356.9
    assert (shown["lower_tick"], shown["upper_tick"]) == (-201360, -199380)
    assert shown["snapped"]["lower"] == pytest.approx(1800, rel=0.003)
    assert shown["snapped"]["upper"] == pytest.approx(2200, rel=0.003)
    assert shown["lower"] == 1800 and shown["upper"] == 2200


def test_quoting_in_token0_reverses_the_ticks_and_nothing_else() -> None:
    bounds = ("--price", "2000", "--lower", "1800", "--upper", "2300", "--tick-spacing", "10")
    one = report(*bounds, "--decimals0", "18", "--decimals1", "6")
    other = report(*bounds, "--decimals0", "6", "--decimals1", "18", "--quote", "token0")
    assert (other["lower_tick"], other["upper_tick"]) == (-one["upper_tick"], -one["lower_tick"])
    assert other["grid"] == one["grid"]
    assert other["token_split"]["token1"] == one["token_split"]["token0"]
    usdc, weth = Token("0x" + "1" * 40, "USDC", 6), Token("0x" + "2" * 40, "WETH", 18)
    upper_price = Price.from_tick(other["lower_tick"], usdc, weth).invert()
    assert float(upper_price.to_decimal()) == pytest.approx(other["snapped"]["upper"], rel=1e-12)


def test_split_loss_delta_and_gamma_stand_on_the_grid() -> None:
    shown = report("--price", "1", "--lower", "0.25", "--upper", "4")
    assert shown["token_split"] == {"token0": pytest.approx(0.5), "token1": pytest.approx(0.5)}
    grid = {point["price"]: point for point in shown["grid"]}
    assert {0.25, 1.0, 4.0} <= set(grid)
    assert grid[1.0] == {
        "price": 1.0,
        "value": pytest.approx(1.0),
        "base_weight": pytest.approx(0.5),
        "impermanent_loss": 0.0,
        "delta": pytest.approx(0.5),
        "gamma": pytest.approx(-0.5),
    }
    # From half of each at 1: all quote at 4 is worth 1.5 against 0.5 * 4 + 0.5 held.
    assert grid[4.0]["impermanent_loss"] == pytest.approx(1.5 / 2.5 - 1)
    assert grid[4.0]["delta"] == grid[4.0]["gamma"] == 0
    assert shown["impermanent_loss"]["at_upper"] == grid[4.0]["impermanent_loss"]


def test_outside_the_range_nothing_is_amplified() -> None:
    shown = report("--price", "3", "--lower", "1", "--upper", "2")
    assert shown["amplification"] is None
    assert shown["token_split"] == {"token0": 0.0, "token1": 1.0}
    assert "out of range" in invoke("--price", "3", "--lower", "1", "--upper", "2").stdout


def test_bounds_nearest_to_one_tick_still_make_a_range() -> None:
    for spacing, lower, upper in ((200, "1.001", "1.002"), (200, "0.998", "0.999"), (16383, "1e38", "1.1e38")):
        shown = report("--price", "1", "--lower", lower, "--upper", upper, "--tick-spacing", str(spacing))
        assert shown["upper_tick"] - shown["lower_tick"] == spacing
        assert shown["upper_tick"] <= 887272


def test_people_get_a_table() -> None:
    result = invoke("--price", "1", "--lower", "0.8", "--upper", "1.2")
    assert result.exit_code == 0
    assert "10.38" in result.stdout and "impermanent loss" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--price", "1", "--lower", "2", "--upper", "1"), "--lower 2 must be below --upper 1"),
        (("--price", "1", "--lower", "1", "--upper", "1"), "--lower 1 must be below --upper 1"),
        (("--price", "1", "--lower=-1", "--upper", "2"), "must be a finite number above zero"),
        (("--price", "0", "--lower", "1", "--upper", "2"), "must be a finite number above zero"),
        (("--price", "nan", "--lower", "1", "--upper", "2"), "must be a finite number above zero"),
        (("--price", "cheap", "--lower", "1", "--upper", "2"), "'cheap' is not a number"),
        (("--price", "1e400", "--lower", "1", "--upper", "2"), "must lie within what a pool's ticks can hold"),
        (("--price", "1", "--lower", "1e-400", "--upper", "2"), "must lie within what a pool's ticks can hold"),
        (("--price", "1", "--lower", "1", "--upper", "1e999999"), "must lie within what a pool's ticks can hold"),
        (("--price", "1", "--lower", "1", "--upper", "1e999999999"), "must lie within what a pool's ticks can hold"),
        (("--price", "1", "--lower", "1", "--upper", "1.00000000000000000001"), "too close together"),
        (("--price", "1", "--lower", "1", "--upper", "2", "--tick-spacing", "0"), "--tick-spacing"),
        (("--price", "1", "--lower", "1", "--upper", "2", "--quote", "usdc"), "--quote"),
        (("--price", "1", "--lower", "1"), "--upper"),
    ],
)
def test_a_mistake_is_one_clear_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output
