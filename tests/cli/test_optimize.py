"""``keeper optimize`` and ``keeper lookahead-check`` from the shell, on a short tape of a pool that never was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.backtest.lookahead import Cut
from keeper.backtest.made_bars import generate_bars, write_bars
from keeper.model import canonical
from keeper.model.observation import History
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.tape.bar_market import BarMarket
from tests.cli.shell import Keeper

STRATEGY = """
name: made
chain: polygon
pool: "0x45dDa9cb7c25131DF268515131f647d726f50608"
quote: token0
capital: {max_quote: 20_000}
schedule: {every_seconds: 10800, price_trigger_bps: 10000}
range: {kind: fixed}
profit: {gate: none}
"""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tape")
    write_bars(generate_bars(12, 3), folder / "made.parquet")
    (folder / "made.yaml").write_text(STRATEGY)
    return folder


@pytest.fixture
def asked(tape: Path) -> tuple[str, ...]:
    return (str(tape / "made.yaml"), "--data", str(tape / "made.parquet"), "--gas-gwei", "50", "--native-price", "0.8")


def test_a_search_ends_with_what_it_was_worth_where_it_was_not_made(
    keeper: Keeper, asked: tuple[str, ...], tmp_path: Path
) -> None:
    out = tmp_path / "found"
    answer = keeper("optimize", *asked, "--trials", "4", "--embargo-days", "1", "--every", "43200",
                    "--out", str(out), "--json")  # fmt: skip
    assert answer.code == 0 and answer.err == ""
    found = answer.json
    (fold,) = found["folds"]
    assert set(found["chosen"]) == {"range.lower_pct", "range.upper_pct"} == set(fold["chosen"])
    assert fold["train"][1] + 86_400 == fold["test"][0]
    lines = [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()]
    assert [line["purpose"] for line in lines] == ["train"] * 4 + ["test", "baseline_train", "baseline_test"]
    best = max(lines[:4], key=lambda line: line["score"]["objective"])
    assert best["values"] == fold["chosen"] and best["score"]["objective"] == fold["trained"]["objective"]
    assert "as written" in found["verdict"] and "too few" in found["verdict"]
    words = keeper("optimize", *asked, "--trials", "4", "--embargo-days", "1", "--every", "43200",
                   "--out", str(tmp_path / "again"))  # fmt: skip
    assert words.code == 0
    assert found["verdict"] in words.out and "deflated Sharpe" in words.out


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("--search", "range.k=1:2"), "no setting 'range.k'"),
        (("--search", "range.lower_pct=1:200"), "range.lower_pct=1:200"),
        (("--walk-forward", "--folds", "9"), "too few for 9 out-of-sample windows"),
        (("--storage", "mysql://me:secret@host/db"), "is to be postgresql"),
        (("--dask", "tcp://127.0.0.1:9", "--workers", "2"), "give one of them"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(
    wrong: tuple[str, ...], sentence: str, keeper: Keeper, asked: tuple[str, ...], tmp_path: Path
) -> None:
    answer = keeper("optimize", *asked, "--out", str(tmp_path), *wrong)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err and "secret" not in answer.err and answer.err.count("\n") == 1


def test_decisions_do_not_know_the_future(keeper: Keeper, asked: tuple[str, ...]) -> None:
    answer = keeper("lookahead-check", *asked, "--to", "2022-01-06", "--cuts", "2", "--json")
    assert answer.code == 0 and answer.err == ""
    assert answer.json["passed"] is True
    assert [cut["difference"] for cut in answer.json["cuts"]] == [None, None]
    assert all(cut["decisions"] > 5 for cut in answer.json["cuts"])


def test_one_that_peeks_is_caught(keeper: Keeper, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A history whose newest sample is the tape's last price: what a careless resampling does."""
    honest = BarMarket.history

    def peeking(self: BarMarket, hours: int) -> History:
        known = honest(self, hours)
        if not known.samples:
            return known
        last = replace(known.samples[-1], sqrt_price_x96=sqrt_price_at_tick(int(self._path.close[-1])))
        samples = (*known.samples[:-1], last)
        return replace(known, samples=samples, digest=canonical.digest(samples))

    monkeypatch.setattr(BarMarket, "history", peeking)
    answer = keeper("lookahead-check", *asked, "--to", "2022-01-06", "--cuts", "2")
    assert answer.code == 1
    assert "LOOK-AHEAD" in answer.out and "where the future is cut off" in answer.out


def test_too_many_cuts_for_so_few_decisions_is_told(keeper: Keeper, asked: tuple[str, ...]) -> None:
    answer = keeper("lookahead-check", *asked, "--to", "2022-01-02", "--cuts", "60")
    assert answer.code == 2 and "too few to cut the tape 60 times" in answer.err


def test_the_protocols_part_is_given_once_or_for_each_token(keeper: Keeper, asked: tuple[str, ...]) -> None:
    answer = keeper("lookahead-check", *asked, "--protocol-fee", "4", "--protocol-fee", "5", "--protocol-fee", "6")
    assert answer.code == 2 and "once for both tokens, or twice" in answer.err and answer.err.count("\n") == 1


def test_where_nothing_can_be_compared_nothing_is_proved(
    keeper: Keeper, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keeper.backtest.lookahead.compare", lambda until, *_: Cut(until, 0, None))
    answer = keeper("lookahead-check", *asked, "--to", "2022-01-03", "--cuts", "1")
    assert answer.code == 2 and "nothing is proved" in answer.err
