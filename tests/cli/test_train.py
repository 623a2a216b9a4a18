"""``keeper train``: what it needs, what it writes, and that the strategy then runs on it."""

from __future__ import annotations

import hashlib
import math
import random
from pathlib import Path

import pytest

from tests.cli.shell import Keeper

STRATEGY = """\
name: example
chain: base
pool: "0x0000000000000000000000000000000000000001"
quote: token1
capital: {max_quote: 5_000}
regime: {kind: lstm, weights: eth.safetensors}
"""
SHORT = ("--epochs", "1", "--folds", "1", "--steps", "4", "--hidden", "2", "--horizon-hours", "6")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = random.Random(1)
    rows = [
        f"{1_704_067_200 + 3_600 * k},{2_000 * math.exp(0.05 * math.sin(k / 30) + rng.gauss(0, 0.003))}"
        for k in range(900)
    ]
    (tmp_path / "prices.csv").write_text("timestamp,close\n" + "\n".join(rows) + "\n")
    (tmp_path / "example.yaml").write_text(STRATEGY)
    return tmp_path


def test_it_writes_weights_that_the_strategy_runs_on(keeper: Keeper, folder: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch (extra [ml]) is not installed: `keeper train` was NOT tested")
    before = keeper("check", "example.yaml")
    assert before.code == 2 and "there is no file eth.safetensors; `keeper train` writes it" in before.out
    answer = keeper("train", "example.yaml", "--data", "prices.csv", *SHORT, "--json")
    assert answer.code == 0 and "fold 1 of 1" in answer.err
    body = (folder / "eth.safetensors").read_bytes()
    assert answer.json["sha256"] == hashlib.sha256(body).hexdigest()
    assert {"log_loss", "log_loss_base", "gain", "gain_p_value"} <= answer.json["out_of_sample"].keys()
    assert keeper("check", "example.yaml").code == 0
    assert not list(folder.glob("*.part"))
    again = keeper("train", "example.yaml", "--data", "prices.csv", *SHORT)
    assert again.code == 2 and "is there already; --force replaces it" in again.err
    told = keeper("train", "example.yaml", "--data", "prices.csv", *SHORT, "--force")
    assert told.code == 0 and "out of sample" in told.out and "of the labels' frequencies alone" in told.out
    assert (folder / "eth.safetensors").read_bytes() == body


def test_a_pinned_digest_is_pointed_at(keeper: Keeper, folder: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch (extra [ml]) is not installed: `keeper train` was NOT tested")
    pinned = STRATEGY.replace("eth.safetensors}", f"eth.safetensors, weights_sha256: {'a' * 64}}}")
    (folder / "example.yaml").write_text(pinned)
    answer = keeper("train", "example.yaml", "--data", "prices.csv", *SHORT)
    assert answer.code == 0 and "names another weights_sha256" in answer.err


def test_without_pytorch_it_says_what_to_install(keeper: Keeper, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    answer = keeper("train", "example.yaml", "--data", "prices.csv")
    assert answer.code == 2 and "pip install 'range-keeper[ml]'" in answer.err
    assert not (folder / "eth.safetensors").exists()


@pytest.mark.parametrize(
    ("text", "data", "words"),
    [
        (STRATEGY.replace("lstm", "trend"), "prices.csv", "example.yaml:6: regime: only {kind: lstm, weights: FILE}"),
        (STRATEGY.replace(", weights: eth.safetensors", ""), "prices.csv", "key 'weights' is missing: a file of"),
        (STRATEGY.replace("weights:", "wieghts:"), "prices.csv", "unknown key 'wieghts'"),
        ("name: x\n", "prices.csv", "regime: only"),
        (STRATEGY.replace("eth.safetensors", "/proc/x/eth.safetensors"), "prices.csv", "eth.safetensors: cannot be"),
        (STRATEGY.replace("eth.safetensors", "prices.csv/x"), "prices.csv", "prices.csv/x: cannot be written"),
        (STRATEGY, "none.csv", "none.csv: cannot read prices: no such file"),
        (STRATEGY, "example.yaml", "a price file ends in .parquet or .csv"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_refusals(keeper: Keeper, tmp_path: Path, text: str, data: str, words: str) -> None:
    (tmp_path / "example.yaml").write_text(text)
    answer = keeper("train", "example.yaml", "--data", data)
    assert answer.code == 2 and words in answer.err


def test_too_few_prices(keeper: Keeper, folder: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch (extra [ml]) is not installed: `keeper train` was NOT tested")
    answer = keeper("train", "example.yaml", "--data", "prices.csv", "--folds", "20")
    assert answer.code == 2 and "hours of prices are too few to train on" in answer.err
    assert keeper("train", str(folder / "none.yaml"), "--data", "prices.csv").code == 2
