"""A strategy with a learned detector on a real chain: its weights reach the journal, and replay needs nothing else."""

from __future__ import annotations

import hashlib
import sqlite3

from tests.cli.operator import Operator
from tests.policy.regimes.weights import weights


def test_weights_go_from_the_file_to_the_journal(operator: Operator) -> None:
    strategy, file = operator.folder / "strategies/eth.yaml", operator.folder / "strategies/eth.safetensors"
    strategy.write_text(strategy.read_text() + "regime: {kind: lstm, weights: eth.safetensors}\n")
    refused = operator.keeper("once", "--dry-run")
    assert refused.code == 2 and "there is no file" in refused.err and "eth.yaml:10" in refused.err
    file.write_bytes(weights())
    dry = operator.keeper("once", "--dry-run", "--json")
    assert dry.code == 0, dry.out + dry.err
    file.unlink()
    journal = operator.folder / "keeper.dry.db"
    with sqlite3.connect(journal) as connection:
        assert connection.execute("SELECT digest, body FROM artifacts").fetchall() == [
            (hashlib.sha256(weights()).hexdigest(), weights())
        ]
        ((settings,),) = connection.execute("SELECT body FROM settings").fetchall()
    assert hashlib.sha256(weights()).hexdigest().encode() in settings
    replayed = operator.keeper("replay", "--journal", str(journal), "--json")
    assert replayed.code == 0 and replayed.json == {"decisions": 1, "different": []}
    told = operator.keeper("explain", "--journal", str(journal), "--json")
    assert '"kind": "lstm"' in told.out and "hours of prices without a hole, 176 needed by the model" in told.out
