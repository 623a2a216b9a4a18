"""A backtest from its tape to its journal: the same twice, replayed to the byte, its books closed; and real days."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from keeper.backtest import BacktestResult, BacktestSettings, held_reasons, last_word, run_backtest, warm_up_seconds
from keeper.backtest.made_bars import generate_bars, write_bars
from keeper.backtest.telling import own_shares
from keeper.commands.replay import difference
from keeper.errors import ConfigError
from keeper.model.price import Token
from keeper.policy.settings import StrategySettings
from keeper.world.journal import decisions, queries
from keeper.world.journal.opening import open_journal
from keeper.world.journal.reading import read_journal
from keeper.world.tape.tape import TapePool
from tests.shared_data import shared_file

POLYGON = "0x45dDa9cb7c25131DF268515131f647d726f50608"
BARS = "bars/polygon_usdc_weth_005_minute_202207_202208.parquet"
HOUR, DAY = 3_600, 86_400

Made = Callable[..., BacktestSettings]


def strategy(**changes: Any) -> StrategySettings:
    raw = {
        "name": "made",
        "chain": "polygon",
        "pool": POLYGON,
        "quote": "token0",
        "capital": {"max_quote": "100000"},
        "native_price_quote": "0.9",
        "schedule": {"every_seconds": 4 * HOUR, "price_trigger_bps": 10_000},
        "range": {"kind": "fixed", "lower_pct": 3, "upper_pct": 3},
        "profit": {"gate": "none"},
    }
    return StrategySettings.model_validate(raw | changes)


@pytest.fixture(scope="module")
def plain(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> BacktestResult:
    """The strategy as it is, its journal kept."""
    journal = tmp_path_factory.mktemp("plain") / "plain.db"
    return run_backtest(BacktestSettings(strategy(), tape, pool=TapePool(chain_id=137), journal=journal))


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days of a pool that never was."""
    file = tmp_path_factory.mktemp("tape") / "made.parquet"
    write_bars(generate_bars(4, 3), file)
    return file


@pytest.fixture
def made(tape: Path) -> Made:
    def make(journal: Path | None = None, **changes: Any) -> BacktestSettings:
        known = set(BacktestSettings.__dataclass_fields__) - {"pool"}  # that of the strategy is meant
        asked = {name: changes.pop(name) for name in list(changes) if name in known}
        return BacktestSettings(strategy(**changes), tape, pool=TapePool(chain_id=137), journal=journal, **asked)

    return make


def rows(url: str) -> tuple[list[Any], list[Any], list[Any]]:
    with read_journal(url) as query:
        return (
            query("SELECT id, digest, history_digest, body FROM decisions ORDER BY id"),
            query("SELECT kind, token, amount, token_id, transaction_hash, log_index, block_number FROM ledger"),
            query("SELECT action, act, state, note, cost_quote, closed_timestamp FROM plans ORDER BY id"),
        )


def test_the_same_twice_and_its_books_close(plain: BacktestResult, made: Made, tmp_path: Path) -> None:
    """The same settings on the same tape leave the same bytes; every line of the ledger is explained."""
    first, second = plain, run_backtest(made(tmp_path / "b.db"))
    assert rows(first.journal_url) == rows(second.journal_url)
    files = [Path(each.journal_url.removeprefix("sqlite:///")) for each in (first, second)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert first.series == second.series and first.ledger_difference == (0, 0, 0)
    end = first.series[-1]
    assert end.rebalances > 0 and end.fees > 0 and end.lvr > 0 and end.gas > 0
    assert end.total == end.hodl_change + end.fees - end.divergence - end.swap_cost - end.gas
    assert len(first.series) == len(first.run.observations)


def test_a_journal_is_replayed_to_the_byte(plain: BacktestResult) -> None:
    result = plain
    strategies: dict[bytes, Any] = {}
    with read_journal(result.journal_url) as query:
        stored = list(decisions.stored_decisions(query))
        assert queries.mode(query) == "backtest" and queries.events(query) == []
        assert [difference(each, strategies, lambda digest: queries.artifact(query, digest)) for each in stored] == [
            None
        ] * len(stored)
    assert len(stored) == len(result.run.decisions) > 24


def test_a_thrown_away_journal_changes_nothing(plain: BacktestResult, made: Made) -> None:
    gone = run_backtest(made())
    assert plain.journal_url.endswith("/plain.db") and gone.journal_url == ""
    assert plain.series == gone.series


def test_an_earlier_backtest_is_replaced_and_nothing_else(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    run_backtest(made(file, every_seconds=DAY))
    again = run_backtest(made(file, every_seconds=DAY))
    with read_journal(again.journal_url) as query:
        assert len(queries.decision_list(query)) == len(again.run.decisions)
    live = tmp_path / "live.db"
    open_journal(f"sqlite:///{live}", "wallet").close()
    before = live.read_bytes()
    with pytest.raises(ConfigError, match="journal of mode 'wallet', which a backtest does not replace"):
        run_backtest(made(live))
    assert live.read_bytes() == before


def test_it_looks_as_scheduled_and_when_the_price_moves(made: Made) -> None:
    """A look between two stops of the schedule has a reason: the price is so far from where it was seen last."""
    never = {"hurdle": 100}
    plain = run_backtest(made(profit=never, schedule={"every_seconds": DAY, "price_trigger_bps": 10_000}))
    moved = run_backtest(made(profit=never, schedule={"every_seconds": DAY, "price_trigger_bps": 100}))
    assert len(moved.run.decisions) > 2 * len(plain.run.decisions)
    assert [each.observation.block.timestamp % DAY for each in plain.run.decisions] == [0] * len(plain.run.decisions)
    for before, after in pairwise(moved.run.decisions):
        if after.observation.block.timestamp % DAY == 0:
            continue
        seen, now = (each.observation.pool.sqrt_price_x96**2 for each in (before, after))
        assert abs(now - seen) * 10_000 >= 100 * seen


def test_every_and_the_part_of_the_tape_that_is_asked_for(plain: BacktestResult, made: Made) -> None:
    whole = plain
    begin = whole.series[0].timestamp // DAY * DAY
    part = run_backtest(made(from_timestamp=begin + 2 * DAY, to_timestamp=begin + 3 * DAY, every_seconds=8 * HOUR))
    assert part.series[0].timestamp == begin + 2 * DAY and part.series[-1].timestamp == begin + 3 * DAY
    assert part.fill.every_seconds == 8 * HOUR
    assert own_shares(part.run) and all(0 < share < 1 for share in own_shares(part.run))
    assert any(f"{max(own_shares(part.run)):.2%} at most" in each for each in part.fill.caveats)
    assert any("instead of every 14400 s, as asked" in each for each in part.fill.caveats)
    # What lies before the part is its history: it need not wait.
    assert warm_up_seconds(whole.run.decisions)[1] > 0 == warm_up_seconds(part.run.decisions)[1]
    assert len(part.run.decisions[0].observation.history.samples) >= 48


def test_the_warm_up_is_told(plain: BacktestResult) -> None:
    result = plain
    seconds, count = warm_up_seconds(result.run.decisions)
    assert held_reasons(result.run.decisions)["no_forecast"] == count
    assert f"The first {seconds / DAY:.1f} days ({count} decisions) were held" in " ".join(result.fill.caveats)


def test_prices_from_before_the_tape_warm_it_up(plain: BacktestResult, made: Made, tmp_path: Path) -> None:
    first = plain.run.observations[0].block.timestamp
    lines = "".join(f"{first - DAY * 3 + hour * HOUR - HOUR},{3_000 + hour % 7}\n" for hour in range(73))
    prior = tmp_path / "prior.csv"
    prior.write_text("timestamp,close\n" + lines)
    result = run_backtest(made(prior=prior, every_seconds=DAY))
    seen = result.run.decisions[0].observation.history.samples
    assert len(seen) >= 70
    assert all(each.timestamp <= result.run.observations[0].block.timestamp for each in seen)
    assert {each.fee_growth_global_0_x128 for each in seen[:60]} == {None}
    assert result.run.decisions[0].forecast.sigma_annual is not None
    prior.write_text("timestamp,close\n1000,5\n4600,5\n")
    with pytest.raises(ConfigError, match="do not reach to where the tape begins"):
        run_backtest(made(prior=prior))


def test_latency_and_gas_cost(plain: BacktestResult, made: Made) -> None:
    swift, slow = plain, run_backtest(made(latency_blocks=150))
    assert slow.series[-1].total != swift.series[-1].total
    acts = [act.timestamp - slow.run.decisions[act.decision_index].observation.block.timestamp for act in slow.run.acts]
    assert min(acts) >= 2 * 151
    dear = run_backtest(made(gas=Decimal(900)))
    assert dear.series[-1].gas == pytest.approx(10 * swift.series[-1].gas, rel=0.2)


@pytest.mark.parametrize("account", ["delegated", "safe"])
def test_a_plan_in_one_transaction(plain: BacktestResult, made: Made, account: Any) -> None:
    """An owner that can do it at once: fewer transactions, and whoever executes for a Safe pays their gas."""
    alone, together = plain, run_backtest(made(account=account))
    assert together.ledger_difference == (0, 0, 0)
    end = together.series[-1]
    if account == "safe":
        assert end.gas == 0 < end.executor_gas
        assert not together.run.acts or all(not act.has("gas") for act in together.run.acts)
    else:
        assert 0 < end.gas < alone.series[-1].gas
    assert end.rebalances > 0


@pytest.mark.parametrize(("mix", "base_share"), [("half", 0.5), ("base", 1.0), ("quote", 0.0)])
def test_what_the_wallet_starts_with(made: Made, mix: Any, base_share: float) -> None:
    result = run_backtest(made(start_mix=mix, capital_quote=Decimal(5_000), every_seconds=DAY))
    first = result.run.observations[0]
    assert result.series[0].value == pytest.approx(5_000 * 10**6, abs=2)
    assert first.wallet.balance_0 == pytest.approx(5_000 * 10**6 * (1 - base_share), abs=1)


def test_an_oracle_that_no_tape_has_is_left_out_and_told(made: Made) -> None:
    oracle = {"feed": "0x" + "12" * 20}
    result = run_backtest(made(oracle=oracle, every_seconds=DAY))
    assert "oracle_missing" not in held_reasons(result.run.decisions)
    assert any("price oracle is left out" in each for each in result.fill.caveats)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"schedule": {"every_seconds": 30}}, "its bars are 60 s long, and the strategy looks every 30 s"),
        ({"from_timestamp": 4_000_000_000}, "nothing of the tape is left to decide on"),
        ({"native_price_quote": None}, "gas has no price: set `native_price_quote`"),
        ({"pool": "0x" + "12" * 20}, "nobody says which tokens and fee its pool has"),
        ({"gas": Path("nowhere.csv")}, "nowhere.csv: cannot be read"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(made: Made, changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as raised:
        run_backtest(made(**changes))
    assert "\n" not in str(raised.value)


def test_a_chain_without_a_gas_price_is_refused(made: Made) -> None:
    tokens = Token("0x" + "21" * 20, "USD", 6), Token("0x" + "22" * 20, "ETH", 18)
    unknown = TapePool(777, "0x" + "12" * 20, *tokens, 500, 10)
    asked = replace(made(pool="0x" + "12" * 20), pool=unknown)
    with pytest.raises(ConfigError, match="what gas costs on chain 777: give --gas FILE or --gas-gwei X"):
        run_backtest(asked)
    run_backtest(replace(asked, gas=Decimal(1), every_seconds=DAY))


# What was measured: (decisions, total, HODL, fees, LVR, swap cost in whole quote tokens, rebalances).
Figures = tuple[int, float, float, float, float, float, int]


def require(result: BacktestResult, figures: Figures, rel: float = 0.02) -> None:
    """Within what a finer idea of a bar may change; the counts exactly."""
    end, unit = result.series[-1], 10**6
    assert result.ledger_difference == (0, 0, 0)
    found = (end.total, end.hodl_change, end.fees, end.lvr, end.swap_cost)
    assert [each / unit for each in found] == pytest.approx(list(figures[1:6]), rel=rel, abs=20)
    assert (len(result.run.decisions), end.rebalances) == (figures[0], figures[6])


def on_polygon(every_seconds: int, **changes: Any) -> BacktestResult:
    schedule = {"every_seconds": every_seconds, "price_trigger_bps": 10_000}
    settings = strategy(schedule=schedule, **changes)
    return run_backtest(BacktestSettings(settings, shared_file(BARS), pool=TapePool(chain_id=137)))


def test_the_35_real_days_with_the_optimal_range() -> None:
    """On these days fees did not pay for the loss to arbitrage: it stood aside nearly all the time, and that was right.
    (Every four hours here; every hour with the forecasters of the example in the soak.)"""
    result = on_polygon(4 * HOUR, range={"kind": "optimal"}, profit={})
    require(result, (214, 3_612, 3_561, 630, 2_113, 77, 0))
    assert held_reasons(result.run.decisions)["not_worth_providing"] == 200
    assert result.series[-1].hedged_alpha < 0


def test_the_35_real_days_with_a_yardstick() -> None:
    """±2 %, put right again whenever it is left: most fees of all, and much more than them lost to arbitrage."""
    result = on_polygon(8 * HOUR, range={"kind": "fixed", "lower_pct": 2, "upper_pct": 2})
    require(result, (217, -16_970, 3_561, 33_397, 44_780, 2_248, 36), rel=0.05)
    assert last_word(result).startswith("In 34.7 days it lost to holding by")
    assert "did not pay for the loss to arbitrage" in last_word(result)


@pytest.mark.soak
def test_the_35_real_days_every_hour() -> None:
    """As an operator would run it: three forecasters, every hour."""
    forecaster = {"kind": "blend", "members": ["har", "garch", "true_range"]}
    result = on_polygon(HOUR, range={"kind": "optimal"}, profit={}, forecaster=forecaster)
    assert result.ledger_difference == (0, 0, 0)
    assert 840 <= len(result.run.decisions) < 900
    assert result.series[-1].hedged_alpha < 0


@pytest.mark.parametrize(
    ("name", "chain_id", "pool", "figures"),
    [
        ("polygon_usdc_weth_005_20220105", 137, POLYGON, (75, -6_707, -3_537, 540, 970, 200, 2)),
        pytest.param(
            "eth_usdc_weth_005_20231110_tick", 1, "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640",
            (50, -504, -470, 710, 599, 26, 1), marks=pytest.mark.soak,
        ),
        pytest.param(
            "eth_usdc_weth_030_20240105", 1, "0x8ad599c3A0ff1De082011EFDDc58f1908eb6e6D8",
            (34, 468, -37, 713, 353, 5, 0), marks=pytest.mark.soak,
        ),
    ],
)  # fmt: skip
def test_real_days_of_single_events(name: str, chain_id: int, pool: str, figures: Figures) -> None:
    """A range of ±2 % put right when it is left, through the real liquidity of every swap."""
    settings = strategy(
        chain={1: "ethereum", 137: "polygon"}[chain_id],
        pool=pool,
        native_price_quote=None if chain_id == 1 else "2.4",
        schedule={"every_seconds": HOUR, "price_trigger_bps": 50},
        range={"kind": "fixed", "lower_pct": 2, "upper_pct": 2},
        forecaster={"kind": "ewma", "min_samples": 3},
        profit={"gate": "none", "min_fee_history_hours": 1},
    )
    file = shared_file(f"events/{name}.parquet")
    require(run_backtest(BacktestSettings(settings, file, pool=TapePool(chain_id=chain_id))), figures)
