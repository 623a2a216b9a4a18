"""Proposals as files that people import and sign by themselves: no key at all.

People choose the nonce, and with it the hash; so what was carried out is known on the chain by the very calls, which
hold the plan's deadline.
"""

from __future__ import annotations

from pathlib import Path

from keeper.world.executors.safe import Describe, SafeExecutor
from keeper.world.journal.proposals import ProposalLog
from keeper.world.journal.transactions import TransactionLog
from keeper.world.protocols import Venue
from keeper.world.safe.boards import FileBoard
from keeper.world.safe.checks import SafeChecks
from keeper.world.safe.proposing import Proposer
from keeper.world.safe.watching import SafeWatch


def proposal_file_executor(
    folder: Path,
    proposer: Proposer,
    watch: SafeWatch,
    checks: SafeChecks,
    venue: Venue,
    transactions: TransactionLog,
    proposals: ProposalLog,
    describe: Describe,
    *,
    settings_digest: str | None = None,
) -> SafeExecutor:
    """An executor that writes into ``folder``. ValueError where there is a key, or the watch looks for hashes."""
    if proposer.key or not watch.by_payload:
        raise ValueError("a file is signed by nobody here, and known by its calls alone")
    return SafeExecutor(
        proposer, watch, checks, FileBoard(folder), venue, transactions, proposals, describe,
        settings_digest=settings_digest,
    )  # fmt: skip
