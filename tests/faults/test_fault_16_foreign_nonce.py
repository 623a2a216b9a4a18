"""Rows 16 and 18: somebody else uses the key, or the journal is an older copy than the chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from keeper.assembly import ChainAccess, wallet_executor
from keeper.errors import HaltedError, TransientError
from keeper.model.outcome import Held
from keeper.world.chain.node import HttpNode
from keeper.world.journal.opening import open_journal
from keeper.world.journal.resuming import halted_signers
from keeper.world.signers import keystore
from tests.faults.strangers import as_owner, events, is_exact, with_eyes
from tests.policy.desk import CHAIN_ID, NAME, Desk, Warm, at_desk


def test_16_a_strangers_nonce_halts_the_signer_with_nothing_in_flight(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    assert isinstance(desk.cycle(), Held)
    as_owner(desk, warm.whale, "transfer(address,uint256)", warm.whale, 0, without_trace=False)
    with pytest.raises(HaltedError, match="something else signs with this key"):
        desk.cycle()
    with desk.journal.reading() as query:
        (signer,) = halted_signers(query)
    assert signer.address == desk.owner.lower() and desk.journal.memory(NAME).state == "halted"
    forgiven = desk.journal.resume(NAME, "it was me", 0)
    assert forgiven.signers == (signer,)
    desk.run()
    assert desk.journal.memory(NAME).state == "running" and is_exact(desk), "the stranger's gas is the owner's"
    assert len(events(desk, "withdrawal")) == 1


def test_16_a_halted_signer_halts_whoever_would_use_it(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    as_owner(desk, warm.whale, "transfer(address,uint256)", warm.whale, 0, without_trace=False)
    with pytest.raises(HaltedError):
        desk.cycle()
    desk.journal.set_state(NAME, "running", "", 0)  # as another strategy of this key would be
    with pytest.raises(HaltedError, match=r"the signer .* is halted: the chain counts"):
        desk.cycle()


def test_16_a_node_that_lags_is_no_stranger(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path)
    desk.run()
    nonce = warm.anvil.rpc("eth_getTransactionCount", desk.owner, "latest")
    warm.anvil.rpc("anvil_setNonce", desk.owner, hex(0))
    with pytest.raises(TransientError, match="lags behind"):
        desk.cycle()
    warm.anvil.rpc("anvil_setNonce", desk.owner, nonce)
    assert isinstance(desk.cycle(), Held) and desk.journal.memory(NAME).state == "running"


def test_18_a_restored_older_journal_halts_and_is_taken_up_from_the_chain(warm: Warm, tmp_path: Path) -> None:
    desk = at_desk(warm, tmp_path, limits={"cooldown_minutes": 0, "on_unknown_position": "adopt"})
    desk.journal.set_state(NAME, "paused", "before the backup", 0)
    desk.cycle()  # the wallet is known, nothing was sent
    desk.journal.close()
    shutil.copy(tmp_path / "keeper.db", tmp_path / "backup.db")
    desk.journal = open_journal(f"sqlite:///{tmp_path}/keeper.db", "wallet")
    desk.journal.close()
    live = at_work(desk, tmp_path / "keeper.db")
    assert live.run()[-1] == "mint"
    (position,) = live.observe().positions
    live.journal.close()
    older = at_work(desk, tmp_path / "backup.db", state=None)
    with pytest.raises(HaltedError, match="the journal is an older copy"):
        older.cycle()
    sent = len(older.receipts())
    older.journal.resume(NAME, "the backup was restored", 0)
    older.run()
    assert is_exact(older) and [each.token_id for each in older.observe().positions] == [position.token_id]
    assert [each.token_id for each in older.journal.memory(NAME).held] == [position.token_id]
    assert len(older.receipts()) == sent, "nothing was opened beside it"


def at_work(desk: Desk, file: Path, state: str | None = "running") -> Desk:
    """The desk on another copy of its journal, from the sender on."""
    journal, warm = open_journal(f"sqlite:///{file}", "wallet"), desk.warm
    signer, node = keystore.load(file.parent / "key.json", "x"), HttpNode([warm.anvil.url], chain_id=CHAIN_ID)
    chain = ChainAccess(CHAIN_ID, (warm.anvil.url,), warm.contracts, confirmations=1)
    make = wallet_executor(chain, desk.strategy.settings, journal, signer, pause=lambda _seconds: warm.anvil.mine())
    if state is not None:
        journal.set_state(NAME, "running", "", 0)
    return with_eyes(replace(desk, journal=journal, executor=make(node, desk.venue)))  # type: ignore[arg-type]
