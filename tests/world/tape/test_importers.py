"""Files of other tools say the same as ours, and the shared days are what they are known to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from keeper.errors import ConfigError
from keeper.known_chains import CONTRACTS
from keeper.known_pools import known_pool, known_pools
from keeper.model.price import Token
from keeper.world.tape.checks_fee import infer_fee_pips
from keeper.world.tape.checks_pool import require_pool
from keeper.world.tape.events import EventBatch
from keeper.world.tape.opening import open_tape
from keeper.world.tape.tape import TapePool
from keeper.world.v3.identity import PoolIdentity
from tests.shared_data import shared_file
from tests.world.tape.made import (
    as_event_log,
    as_tick_file,
    columns,
    events_in,
    file_of,
    honest_events,
    own_file,
)

_INIT_CODE_HASH = bytes.fromhex("e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54")
NAMELESS = "0x" + "0" * 39 + "1"
POLYGON = TapePool(137, "0x45dDa9cb7c25131DF268515131f647d726f50608")


def test_every_format_holds_the_same_tape(tmp_path: Path) -> None:
    events = honest_events()
    made = {"own": columns(events), "event log": as_event_log(events), "tick file": as_tick_file(events)}
    tapes = [open_tape(file_of(table, tmp_path / f"{number}{suffix}"))
             for number, table in enumerate(made.values()) for suffix in (".parquet", ".csv")]  # fmt: skip
    assert len({tape.digest for tape in tapes}) == 1
    assert all(events_in(tape) == events for tape in tapes)
    other = open_tape(own_file(events[:-1], tmp_path / "other.parquet"))
    assert other.digest != tapes[0].digest


def test_an_unknown_file_is_told_its_columns_and_the_formats(tmp_path: Path) -> None:
    path = file_of({"a": [1], "b": [2]}, tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match=r"is of no known format; its columns are a, b \(formats: 'event log'"):
        open_tape(path)
    table = columns(honest_events())
    del table["sqrt_price_x96"]
    with pytest.raises(ConfigError, match=r"of format 'keeper events' but has no column sqrt_price_x96"):
        open_tape(file_of(table, tmp_path / "y.csv"))


def test_known_pools_follow_from_their_factory_tokens_and_fee() -> None:
    assert len(known_pools()) >= 10
    for chain_id, address in known_pools():
        found = known_pool(chain_id, address.lower())
        assert found is not None
        token0, token1, fee_pips = found
        words = [int(each, 16).to_bytes(32, "big") for each in (token0.address, token1.address)]
        salt = keccak(b"".join([*words, fee_pips.to_bytes(32, "big")]))
        factory = bytes.fromhex(CONTRACTS[chain_id]["factory"][2:])
        expected = keccak(b"\xff" + factory + salt + _INIT_CODE_HASH)[12:]
        assert to_checksum_address("0x" + expected.hex()) == address
        assert token0.sort_key < token1.sort_key
        assert all(to_checksum_address(token.address) == token.address for token in (token0, token1))


@pytest.mark.parametrize("fee_pips", [100, 500, 3_000, 10_000])
def test_the_fee_is_found_from_the_amounts(fee_pips: int, tmp_path: Path) -> None:
    events = honest_events(fee_pips=fee_pips)
    assert infer_fee_pips(EventBatch.of(events)) == fee_pips
    pool = open_tape(own_file(events, tmp_path / "tape.parquet")).pool
    assert pool.fee_pips == fee_pips
    assert pool.tick_spacing == {100: 1, 500: 10, 3_000: 60, 10_000: 200}[fee_pips]


def test_one_swap_alone_tells_no_fee() -> None:
    assert infer_fee_pips(EventBatch.of(honest_events()[:3])) is None


CONTRADICTIONS = {
    r"paid with a fee of 500 pips, not 3000": TapePool(fee_pips=3_000),
    r"fee \(pips\): the pool 0x45d.* has 500, given is 100": TapePool(137, POLYGON.address, fee_pips=100),
    r"decimals of USDC: .* has 6, given is 18": TapePool(
        137, POLYGON.address, Token("0x" + "0" * 39 + "1", "USDC", 18)
    ),
    r"would cost .* decimals are wrong": TapePool(
        token0=Token("0x" + "0" * 39 + "1", "A", 18), token1=Token("0x" + "0" * 39 + "2", "B", 0)
    ),
}


@pytest.mark.parametrize("sentence", CONTRADICTIONS)
def test_what_is_said_of_the_pool_must_be_so(sentence: str, tmp_path: Path) -> None:
    path = own_file(honest_events(), tmp_path / "tape.parquet")
    with pytest.raises(ConfigError, match=sentence):
        open_tape(path, pool=CONTRADICTIONS[sentence])


def test_the_tape_of_another_pool_is_refused(tmp_path: Path) -> None:
    tape = open_tape(own_file(honest_events(), tmp_path / "tape.parquet"), pool=POLYGON)
    assert tape.pool.token0 is not None and tape.pool.token1 is not None
    tokens = tape.pool.token0, tape.pool.token1
    require_pool(tape, PoolIdentity(str(POLYGON.address), *tokens, 500, 10), 137)
    wrong = {
        "address": PoolIdentity("0x" + "11" * 20, *tokens, 500, 10),
        "token0": PoolIdentity(str(POLYGON.address), Token("0x" + "11" * 20, "X", 6), tokens[1], 500, 10),
        "tick spacing": PoolIdentity(str(POLYGON.address), *tokens, 500, 60),
    }
    for name, identity in wrong.items():
        with pytest.raises(ConfigError, match=f"{name}: it is a tape of"):
            require_pool(tape, identity)
    with pytest.raises(ConfigError, match="chain id: it is a tape of 137, asked for is 1"):
        require_pool(tape, PoolIdentity(str(POLYGON.address), *tokens, 500, 10), 1)


# File, events of each kind, fee, digest: as they were read when the reader was held against pandas' reading of them.
DAYS = {
    "polygon_usdc_weth_005_20220105": (3_972, 64, 62, 60, 500, "a66a349f"),
    "polygon_usdc_weth_005_20211222": (199, 7, 2, 2, 500, "a6429e02"),
    "eth_usdc_weth_005_20231110_tick": (5_898, 122, 166, 165, 500, "f7e8bded"),
    "eth_usdc_weth_030_20240105": (267, 4, 17, 16, 3_000, "343a7ee2"),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_shared_days_have_no_hole_and_their_fee(name: str) -> None:
    path = shared_file(f"events/{name}.parquet")
    tape = open_tape(path)
    kinds = Counter(event.kind.name for event in events_in(tape))
    swaps, mints, burns, collects, fee_pips, digest = DAYS[name]
    assert (kinds["SWAP"], kinds["MINT"], kinds["BURN"], kinds["COLLECT"]) == (swaps, mints, burns, collects)
    assert tape.defects == ()
    assert tape.pool.fee_pips == fee_pips
    assert tape.digest.startswith(digest)


@pytest.mark.parametrize("name", DAYS)
def test_every_integer_of_the_shared_days_is_the_file_s_own(name: str) -> None:
    pd = pytest.importorskip("pandas")
    path = shared_file(f"events/{name}.parquet")
    table = pd.read_parquet(path)
    price, tick = ("sqrtPriceX96", "current_tick") if "tx_type" in table else ("sqrt_price_x96", "tick")
    depth = "total_liquidity" if "tx_type" in table else "liquidity"
    for row, event in zip(table.itertuples(), events_in(open_tape(path)), strict=True):
        assert (event.amount_0, event.amount_1) == (int(row.amount0), int(row.amount1))
        assert event.block_number == row.block_number
        if event.kind.name == "SWAP":
            assert event.sqrt_price_x96 == int(getattr(row, price))
            assert event.tick == int(float(getattr(row, tick)))
            assert event.liquidity == int(getattr(row, depth))
        elif event.kind.name in ("MINT", "BURN"):
            change = row.liquidity if depth == "total_liquidity" else row.liquidity_delta
            assert event.liquidity == abs(int(change))
            assert (event.lower_tick, event.upper_tick) == (int(float(row.tick_lower)), int(float(row.tick_upper)))


def test_the_shared_bars_name_their_missing_minutes() -> None:
    tape = open_tape(shared_file("bars/polygon_usdc_weth_005_minute_202207_202208.parquet"), pool=POLYGON)
    assert tape.kind == "bars"
    assert (len(tape.columns), tape.step_seconds) == (50_390, 60)
    missing = [defect.sentence for defect in tape.defects if defect.code == "missing_bars"]
    assert [sentence.split("2022-")[1][:5] for sentence in missing] == [
        "07-24", "08-02", "08-08", "08-11", "08-13", "08-15", "08-18",
    ]  # fmt: skip
    assert missing[3] == "2 bars from 2022-08-11 00:00:00 UTC on are missing"
    (outside,) = [defect.sentence for defect in tape.defects if defect.code == "close_outside"]
    assert outside.startswith("3316 bars")
    assert (tape.columns.low_tick <= tape.columns.close_tick).all()
