"""Files that a plug-in is built from: found beside the strategy, part of its digest, kept by the journal."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from keeper import assembly
from keeper.config_artifacts import MOST_BYTES
from keeper.config_mistakes import ConfigErrors
from keeper.config_strategies import load_strategy, settings_body
from keeper.errors import ConfigError
from keeper.policy.decide import decide
from keeper.policy.regimes.lstm import Lstm
from keeper.policy.strategy import Strategy
from keeper.world.journal import queries, tables
from keeper.world.journal.opening import open_journal
from tests.policy.regimes.weights import opinionated, weights
from tests.policy.test_decide import RICH
from tests.policy.world import memory, observation, settings

BODY = weights()
DIGEST = hashlib.sha256(BODY).hexdigest()
TEXT = """\
name: example
chain: base
pool: "0x0000000000000000000000000000000000000001"
quote: token1
capital: {max_quote: 5_000}
regime:
  kind: lstm
  weights: models/eth.safetensors
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models/eth.safetensors").write_bytes(BODY)
    strategy = tmp_path / "example.yaml"
    strategy.write_text(TEXT)
    return strategy


def test_the_file_is_part_of_the_settings(file: Path) -> None:
    loaded = load_strategy(file, {})
    assert loaded.settings.regime["weights_sha256"] == DIGEST
    assert dict(loaded.artifacts) == {DIGEST: BODY}
    strategy = assembly.build_strategy(loaded.settings, loaded.artifacts)
    assert isinstance(strategy.detector, Lstm) and strategy.settings_digest == loaded.digest
    (file.parent / "models/eth.safetensors").write_bytes(opinionated(1.0))
    assert load_strategy(file, {}).digest != loaded.digest
    file.write_text(TEXT.replace("token1", "token0"))
    mirrored = load_strategy(file, {})
    flipped = assembly.build_strategy(mirrored.settings, mirrored.artifacts).detector
    assert isinstance(flipped, Lstm) and flipped.quote_is_token0 and not strategy.detector.quote_is_token0


def test_a_wish_for_certain_weights_is_kept_to(file: Path) -> None:
    file.write_text(f"{TEXT}  weights_sha256: {DIGEST}\n")
    assert load_strategy(file, {}).settings.regime["weights_sha256"] == DIGEST
    file.write_text(f"{TEXT}  weights_sha256: {'a' * 64}\n")
    with pytest.raises(ConfigErrors) as caught:
        load_strategy(file, {})
    assert str(caught.value).startswith(f"{file}:9: models/eth.safetensors is another file than this digest names")
    assert DIGEST in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "there is no file {folder}/models/eth.safetensors; `keeper train` writes it"),
        (b"pickle", "cannot be used: it is not a safetensors file"),
        (BODY[:-3], "it was cut; `keeper train` writes it anew"),
        (b" " * (MOST_BYTES + 1), "has more than 16,777,216 bytes"),
    ],
)
def test_a_bad_file_is_told_at_its_line(file: Path, body: bytes | None, words: str) -> None:
    target = file.parent / "models/eth.safetensors"
    target.unlink()
    if body is not None:
        target.write_bytes(body)
    with pytest.raises(ConfigErrors) as caught:
        load_strategy(file, {})
    assert str(caught.value).startswith(f"{file}:8: ")
    assert words.format(folder=file.parent) in str(caught.value)


def test_a_strategy_without_its_file_is_refused() -> None:
    wanted = settings(regime={"kind": "lstm", "weights": "w", "weights_sha256": DIGEST})
    for held in ({}, {DIGEST: BODY + b"x"}):
        with pytest.raises(ConfigError, match=f"a file that is not at hand .SHA-256 {DIGEST}"):
            assembly.build_strategy(wanted, held)
    with pytest.raises(ConfigError, match="load the strategy from its file"):
        assembly.build_strategy(settings(regime={"kind": "lstm", "weights": "w"}))


def _thinker() -> Strategy:
    wanted = settings(regime={"kind": "lstm", "weights": "w.safetensors", "weights_sha256": DIGEST})
    return assembly.build_strategy(wanted, {DIGEST: BODY})


def test_the_journal_alone_is_enough_for_replay(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from keeper.cli import run

    thinker, file = _thinker(), tmp_path / "journal.db"
    journal = open_journal(f"sqlite:///{file}", "dry")
    body = settings_body(thinker.settings)
    for _ in range(2):  # a restart says it again, and it is kept once
        journal.record_settings(thinker.settings_digest, body, {DIGEST: BODY})
    seen = observation(balances=RICH)
    journal.record_decision(decide(thinker, replace(seen, block=replace(seen.block, number=7)), memory()))
    with journal.reading() as query:
        assert queries.artifact(query, DIGEST) == BODY
        assert queries.artifact(query, "0" * 64) is None
        assert query("SELECT count(*) FROM artifacts") == [(1,)]
    again = assembly.rebuild_strategy(body, {DIGEST: BODY}.get)
    assert again.settings_digest == thinker.settings_digest
    assert run(["replay", "--journal", str(file)]) == 0
    assert "1 decisions made again, 0 differ" in capfd.readouterr().out
    with journal._engine.begin() as connection:
        connection.execute(tables.artifacts.delete())
    journal.close()
    assert run(["replay", "--journal", str(file)]) == 2
    assert "is built from a file that is not at hand" in capfd.readouterr().err
