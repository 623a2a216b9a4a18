"""``keeper fees``: what was really collected on a real day, to the raw unit, and what is wrong with a question."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet
import pytest

from tests.cli.shell import Keeper
from tests.shared_data import shared_file

DAY = "events/polygon_usdc_weth_005_20220105.parquet"
TRUTH = "events/groundtruth_fees_polygon_usdc_weth_005_20220105.parquet"
LEAST_USD = 0.01
ASKED = ("--lower-tick", "193890", "--upper-tick", "194040", "--liquidity", "60134336564964532")

Row = dict[str, Any]


def rows(name: str) -> list[Row]:
    found: list[Row] = pyarrow.parquet.read_table(shared_file(name)).to_pylist()
    return found


def pieces(events: list[Row], collected: Row) -> Iterator[tuple[str, str, int]]:
    """(from, to, liquidity) of a position up to a collect, since the one before: its liquidity changes between."""
    own = [
        event
        for event in events
        if str(event["token_id"]) == collected["position_id"] and event["tick_lower"] == collected["tick_lower"]
    ]
    found: list[tuple[str, str, int]] = []
    liquidity, since = 0, ""
    for event in own:
        place = f"{event['block_number']}:{event['log_index']}"
        if liquidity:
            found.append((since, place, liquidity))
        since = place
        if event["event"] != "COLLECT":
            liquidity += int(event["liquidity_delta"])
        elif event["block_number"] == collected["collect_block"]:
            yield from found
            return
        else:
            found.clear()
    raise AssertionError(f"position {collected['position_id']} is not on the tape")


def test_every_position_of_the_day_gets_what_it_really_collected(
    keeper: Keeper, record_property: Callable[[str, object], None]
) -> None:
    events, checked, worst = rows(DAY), 0, 0
    for collected in rows(TRUTH):
        real = (int(collected["fee0_real"]), int(collected["fee1_real"]))
        # 3,790 USDC an ether, the day's price.
        if not collected["opened_in_day"] or real[0] / 1e6 + real[1] / 1e18 * 3_790 < LEAST_USD:
            continue
        fees = [0, 0]
        for since, until, liquidity in pieces(events, collected):
            answer = keeper(
                "fees", "--data", str(shared_file(DAY)), "--lower-tick", str(collected["tick_lower"]),
                "--upper-tick", str(collected["tick_upper"]), "--liquidity", str(liquidity),
                "--from-block", since, "--to-block", until, "--json",
            )  # fmt: skip
            assert answer.code == 0 and answer.err == ""
            said = answer.json
            assert said["undetermined"] == [] and said["worst_difference"] == 0
            assert (said["fees0"], said["fees1"]) == (said["fees0_at_most"], said["fees1_at_most"])
            fees[0], fees[1] = fees[0] + int(said["fees0"]), fees[1] + int(said["fees1"])
        worst = max(worst, abs(fees[0] - real[0]), abs(fees[1] - real[1]))
        checked += 1
    record_property("collects", checked)
    record_property("worst difference in raw units", worst)
    assert checked == 10
    assert worst == 0  # 1e-5 of each, or 2 raw units, would be allowed


def test_words_for_people(keeper: Keeper) -> None:
    answer = keeper("fees", "--data", str(shared_file(DAY)), *ASKED[:2], "--upper-tick", "194940", *ASKED[4:])
    assert answer.code == 0 and answer.err == ""
    assert "Fees of token0  350258300 of token0 (350258300 raw units), at most 350258327 of token0" in answer.out
    assert "Swaps           2,491 walked in the range, amounts within 0 of the record" in answer.out
    assert "Not walked      block 23384517, log 33: it passes ticks 194840 to 194870, where the book" in answer.out
    assert "Note            the tape does not tell the protocol's fee: it is taken to be off" in answer.out


def test_blocks_without_a_log_are_whole_and_liquidity_that_was_not_there_is_told(keeper: Keeper) -> None:
    asked = ("fees", "--data", str(shared_file(DAY)), *ASKED[:4], "--json", "--liquidity")

    def earned(begin: str, end: str, liquidity: int = 10**16) -> dict[str, Any]:
        found: dict[str, Any] = keeper(*asked, str(liquidity), "--from-block", begin, "--to-block", end).json
        return found

    logs = [row for row in rows(DAY) if row["event"] == "SWAP" and 193_890 <= row["tick"] < 194_030][5:7]
    block, log = logs[0]["block_number"], logs[0]["log_index"]
    whole = earned(str(block), str(block))
    assert whole["swaps_in_range"] == 1 and whole == earned(f"{block}:0", f"{block}:{log}") | {
        "from_block": str(block), "to_block": str(block)
    }  # fmt: skip
    assert earned(f"{block}:{log}", f"{block}:{log + 1}")["fees1"] == "0"
    assert "was not there" in json.dumps(earned(str(block), str(block), 10**30)["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--lower-tick", "193895"),
            "--lower-tick 193895 is no multiple of the pool's tick spacing 10; the nearest are",
        ),
        (("--lower-tick", "194040"), "--lower-tick 194040 must be below --upper-tick 194040"),
        (("--upper-tick", "900000"), "--upper-tick 900000 is beyond the ticks of the pool, -887270 to 887270"),
        (("--liquidity", "0"), "0 is not in the range"),
        (("--from-block", "23353829"), "--from-block 23353829 is not on the tape, which covers blocks 23353830 to"),
        (("--to-block", "33353829:3"), "--to-block 33353829:3 is not on the tape, which covers blocks 23353830 to"),
        (("--from-block", "23354033:"), "'23354033:' is no block (23354033) and no log of one (23354033:144)"),
        (("--from-block", "23354033:x"), "'23354033:x' is no block"),
        (("--from-block", "-5"), "'-5' is no block"),
        (("--from-block", "23354104", "--to-block", "23354103"), "--from-block 23354104 must be before --to-block"),
        (("--from-block", "23354104:7", "--to-block", "23354104:7"), "must be before --to-block 23354104:7"),
        (("--data", "missing.parquet"), "missing.parquet: "),
        (("--fee-pips", "3000"), "paid with a fee of 500 pips, not 3000"),
    ],
)
def test_mistakes_are_told_in_one_sentence(keeper: Keeper, arguments: tuple[str, ...], said: str) -> None:
    answer = keeper("fees", "--data", str(shared_file(DAY)), *ASKED, *arguments)
    assert answer.code == 2 and answer.out == ""
    assert said in answer.err and answer.err.count("\n") == 1


def test_bars_cannot_tell_what_a_range_earned(keeper: Keeper) -> None:
    bars = shared_file("bars/polygon_usdc_weth_005_minute_202207_202208.parquet")
    answer = keeper("fees", "--data", str(bars), *ASKED)
    assert answer.code == 2 and "it holds bars" in answer.err and "keeper download" in answer.err
