"""Every damage that a tape can have is found, and named with its row; an honest tape has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from keeper.errors import ConfigError
from keeper.world.tape.events import EventKind, TapeEvent
from keeper.world.tape.opening import open_tape
from tests.shared_data import shared_file
from tests.world.tape.made import as_event_log, columns, events_in, file_of, honest_events, own_file

Table = dict[str, list[Any]]


def test_an_honest_tape_has_no_defect(tmp_path: Path) -> None:
    for seed in range(3):
        tape = open_tape(own_file(honest_events(120, seed=seed), tmp_path / f"{seed}.parquet"))
        assert tape.defects == ()


def _put(name: str, row: int, value: Any) -> Callable[[Table], None]:
    """Rows as people count them."""

    def damage(table: Table) -> None:
        table[name][row - 1] = value

    return damage


def _rows(change: Callable[[list[int]], list[int]]) -> Callable[[Table], None]:
    def damage(table: Table) -> None:
        order = change(list(range(len(table["event"]))))
        for name, values in table.items():
            table[name] = [values[at] for at in order]

    return damage


def _every(name: str, change: Callable[[str], str]) -> Callable[[Table], None]:
    def damage(table: Table) -> None:
        table[name] = [value if value is None else change(value) for value in table[name]]

    return damage


def _like_amount1(row: int) -> Callable[[Table], None]:
    return lambda table: _put("amount0", row, table["amount1"][row - 1])(table)


def _floated(text: str) -> str:
    return str(int(float(text)))


DAMAGES: dict[str, tuple[Callable[[Table], None], str]] = {
    "a row twice": (_rows(lambda rows: [*rows[:9], 8, *rows[9:]]), "row 10: is the same log as the row before"),
    "a day twice": (_rows(lambda rows: rows + rows), "row 63: comes after a later log: .*stand twice"),
    "two rows exchanged": (_rows(lambda rows: [*rows[:9], 10, 9, *rows[11:]]), "row 11: comes after a later log"),
    "another time in a block": (
        _put("timestamp", 6, 1_700_000_025),
        "row 6: has another timestamp than the row before",
    ),
    "time goes back": (_put("timestamp", 3, 1_600_000_000), "row 3: has an earlier timestamp than the block before"),
    "exponent": (_put("amount1", 4, "1.2e+18"), "row 4: amount1 '1.2e\\+18' has gone through floating point"),
    "point": (
        _put("sqrt_price_x96", 4, "199720.5"),
        "row 4: sqrt_price_x96 '199720.5' has gone through floating",
    ),
    "half a tick": (_put("tick", 4, "200311.5"), "row 4: tick '200311.5' has gone through floating point"),
    "nan": (_put("amount0", 5, "nan"), "row 5: amount0 'nan' stands where an integer must"),
    "nothing": (_put("sqrt_price_x96", 5, None), "row 5: sqrt_price_x96 is empty"),
    "words": (_put("liquidity", 5, "many"), "row 5: liquidity 'many' is no integer that a pool can have"),
    "too large": (_put("liquidity", 5, str(2**128)), "row 5: liquidity '340282.*' is no integer"),
    "all prices floated": (
        _every("sqrt_price_x96", _floated),
        "from row 3 on, sqrt_price_x96 has gone through floating",
    ),
    "both paid in": (
        lambda table: _put("amount0", 4, table["amount1"][3])(table),
        "row 4: amount0 and amount1 of a swap cannot have the same sign",
    ),
    "a mint with a minus": (_put("amount0", 2, "-5"), "row 2: amounts of anything but a swap have no sign"),
    "another tick": (_put("tick", 7, 200_000), "row 7: tick does not fit sqrt_price_x96"),
    "a tick beyond 32 bits": (_put("tick", 7, 3_000_000_000), "row 7: tick 3000000000 is out of all bounds"),
    "an impossible price": (_put("sqrt_price_x96", 7, "5"), "row 7: sqrt_price_x96 is outside of what a pool can have"),
    "a range the wrong way": (_put("tick_lower", 2, 300_000), "row 2: tick_lower and tick_upper are no range"),
    "not on the spacing": (_put("tick_lower", 2, 102_001), "row 2: ticks are no multiples of the pool's spacing 10"),
    "another event": (_put("event", 8, "SYNC"), "row 8: event 'SYNC' is none of INITIALIZE, SWAP"),
    "no address": (_put("owner", 2, "0x12"), "row 2: owner '0x12' is not an address"),
    "no time": (_put("timestamp", 1, 0), "row 1: has no possible timestamp"),
    "a negative log": (_put("log_index", 1, -1), "row 1: block_number or log_index is negative"),
    "an empty mint": (_put("liquidity", 2, "0"), "row 2: a MINT without liquidity cannot be"),
}


def _text_columns(table: Table) -> Table:
    """Of mixed kinds only text can be kept."""
    mixed = [name for name, values in table.items() if len({type(each) for each in values if each is not None}) > 1]
    return {
        name: [None if each is None else str(each) for each in values] if name in mixed else values
        for name, values in table.items()
    }


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_damage_is_found_and_named(name: str, suffix: str, tmp_path: Path) -> None:
    damage, sentence = DAMAGES[name]
    table = columns(honest_events())
    damage(table)
    path = file_of(_text_columns(table), tmp_path / f"tape{suffix}")
    with pytest.raises(ConfigError, match=sentence) as caught:
        open_tape(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_floats_are_refused_at_once(tmp_path: Path) -> None:
    table = columns(honest_events())
    table["amount0"] = [None if each is None else float(each) for each in table["amount0"]]
    with pytest.raises(ConfigError, match="column amount0 holds floating-point numbers"):
        open_tape(file_of(table, tmp_path / "tape.parquet"))


@pytest.mark.parametrize("name", ["amount1", "sqrt_price_x96", "liquidity"])
def test_a_round_trip_through_doubles_is_seen_in_real_prices(name: str, tmp_path: Path) -> None:
    """As a table makes it that holds integers in float64: exact to 53 bits, zeros after."""
    events = events_in(open_tape(shared_file("events/polygon_usdc_weth_005_20220105.parquet")))
    table = as_event_log(events)
    table[name] = [value if value is None else _floated(value) for value in table[name]]
    with pytest.raises(ConfigError, match=rf"{name} has gone through floating point|do not belong together"):
        open_tape(file_of(table, tmp_path / "tape.parquet"))


def test_a_part_that_went_through_doubles_is_enough(tmp_path: Path) -> None:
    table = columns(honest_events(200))
    prices = table["sqrt_price_x96"]
    table["sqrt_price_x96"] = [value if value is None or not 100 < row < 120 else _floated(value)
                               for row, value in enumerate(prices)]  # fmt: skip
    with pytest.raises(ConfigError, match="from row 102 on, sqrt_price_x96 has gone through floating point"):
        open_tape(file_of(table, tmp_path / "tape.parquet"))


def test_the_signs_of_the_trader_are_told_from_the_pool_s(tmp_path: Path) -> None:
    events = [replace(event, amount_0=-event.amount_0, amount_1=-event.amount_1)
              if event.kind == EventKind.SWAP else event for event in honest_events()]  # fmt: skip
    with pytest.raises(ConfigError, match="amounts have the trader's signs"):
        open_tape(own_file(events, tmp_path / "tape.parquet"))


def test_columns_of_two_pools_do_not_belong_together(tmp_path: Path) -> None:
    events, others = honest_events(), honest_events(seed=9)
    mixed = [replace(event, liquidity=event.liquidity * 3 if event.kind == EventKind.SWAP else event.liquidity)
             for event in events]  # fmt: skip
    with pytest.raises(ConfigError, match="do not belong together"):
        open_tape(own_file(mixed, tmp_path / "tape.parquet"))
    assert others != events


def _without(events: list[TapeEvent], row: int) -> list[TapeEvent]:
    return [*events[: row - 1], *events[row:]]


def test_every_missing_swap_and_mint_is_seen_within_one_liquidity(tmp_path: Path) -> None:
    """Rows around the hole are those of the file."""
    events = honest_events()
    seen = 0
    for row in range(4, len(events), 2):
        tape = open_tape(own_file(_without(events, row), tmp_path / f"{row}.parquet"))
        seen += any(defect.code == "gap" for defect in tape.defects)
        for defect in tape.defects:
            assert defect.rows is not None and defect.rows[0] < row <= defect.rows[1], (row, defect)
            assert "logs are missing there" in defect.sentence
    # Not seen are holes over which a tick could have been crossed: there the amounts prove nothing.
    assert seen >= 0.8 * len(range(4, len(events), 2)), seen


def test_holes_of_real_days_are_seen(tmp_path: Path) -> None:
    events = events_in(open_tape(shared_file("events/eth_usdc_weth_005_20231110_tick.parquet")))
    swaps = [at for at in range(50, len(events), 211) if events[at].kind == EventKind.SWAP]
    seen = 0
    for number, at in enumerate(swaps):
        around = events[at - 40 : at] + events[at + 1 : at + 40]
        tape = open_tape(own_file(around, tmp_path / f"{number}.parquet"))
        seen += any(defect.rows is not None and defect.rows[0] <= 40 < defect.rows[1] + 1 for defect in tape.defects)
    assert seen >= 0.6 * len(swaps), (seen, len(swaps))


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = own_file(honest_events(), tmp_path / "tape.parquet")
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:length])
        with pytest.raises(ConfigError, match=r"cannot be read .*fetch it again"):
            open_tape(path)
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(ConfigError, match=r"tape.parquet: "):
        open_tape(path)


def test_no_rows_no_file_and_other_files_are_refused(tmp_path: Path) -> None:
    empty = own_file([], tmp_path / "empty.parquet")
    for path, sentence in (
        (empty, "has no rows"),
        (tmp_path / "none.parquet", "cannot be read: no such file"),
        (tmp_path, "holds no tape: there is no tape.json in it"),
        (tmp_path / "x.xlsx", "a tape is a folder, or a file that ends in .parquet or .csv"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            open_tape(path)


def _bars(count: int = 40) -> Table:
    return {
        "timestamp": [1_700_000_040 + 60 * at for at in range(count)],
        "netAmount0": [str(at - 20) for at in range(count)], "netAmount1": [str(20 - at) for at in range(count)],
        "closeTick": [100 + at for at in range(count)], "openTick": [99 + at for at in range(count)],
        "lowestTick": [98 + at for at in range(count)], "highestTick": [101 + at for at in range(count)],
        "inAmount0": ["50"] * count, "inAmount1": ["60"] * count, "currentLiquidity": [str(10**20)] * count,
    }  # fmt: skip


BAR_DAMAGES: dict[str, tuple[Callable[[Table], None], str]] = {
    "twice": (_put("timestamp", 5, 1_700_000_040 + 180), "row 5: stands twice"),
    "back": (_put("timestamp", 5, 1_600_000_000), "row 5: is out of order"),
    "uneven": (_put("timestamp", 5, 1_700_000_040 + 255), "row 5: comes 75 s after the bar before"),
    "low above high": (_put("lowestTick", 7, 900), "row 7: has its lowest tick above its highest"),
    "negative input": (_put("inAmount0", 7, "-1"), "row 7: has a negative input amount"),
    "more gained than paid": (_put("netAmount0", 7, "51"), "row 7: gained more of token0 than was paid in"),
    "float": (_put("inAmount0", 7, "5.5"), "row 7: inAmount0 '5.5' has gone through floating point"),
    "tick beyond": (_put("highestTick", 7, 900_000), "row 7: has ticks that no pool can have"),
    "nothing": (_put("closeTick", 7, None), "row 7: closeTick is empty"),
}


@pytest.mark.parametrize("name", BAR_DAMAGES)
def test_damage_of_bars_is_found_and_named(name: str, tmp_path: Path) -> None:
    damage, sentence = BAR_DAMAGES[name]
    table = _bars()
    damage(table)
    with pytest.raises(ConfigError, match=sentence):
        open_tape(file_of(table, tmp_path / "bars.parquet"))


def test_what_bars_lack_is_said_and_lived_with(tmp_path: Path) -> None:
    table = _bars()
    _rows_of_bars = {name: [value for at, value in enumerate(values) if at not in (5, 6, 20)]
                     for name, values in table.items()}  # fmt: skip
    _rows_of_bars["currentLiquidity"][3] = "0"
    _rows_of_bars["closeTick"][8] = 500
    tape = open_tape(file_of(_rows_of_bars, tmp_path / "bars.csv"))
    assert tape.kind == "bars"
    assert [(defect.code, defect.rows) for defect in tape.defects] == [
        ("missing_bars", (5, 6)), ("missing_bars", (18, 19)), ("close_outside", (9, 9)), ("no_liquidity", (4, 4)),
    ]  # fmt: skip
    assert tape.defects[0].sentence == "2 bars from 2023-11-14 22:19:00 UTC on are missing"
    assert tape.columns.high_tick[8] == 500
