"""Which nonce comes next. No counter is kept: the chain's count, and what the journal holds of signed bytes."""

from __future__ import annotations

from keeper.errors import TransientError
from keeper.world.journal.attempts import StoredTransaction
from keeper.world.journal.transactions import TransactionLog

NEVER = 1 << 64
"""A deadline, UNIX seconds, that no chain reaches."""


def next_nonce(log: TransactionLog, chain_id: int, address: str, counted: int, *, one_at_a_time: bool) -> int:
    """The chain's count, or one more than the highest nonce that is signed for and not settled.

    ``counted`` is how many transactions the node counts at its newest block. ``one_at_a_time``: for an account that
    runs a contract's code (EIP-7702), of which nodes keep a single transaction in their pools.

    Raises:
        TransientError: the node lags behind the journal, or what is out must be settled first.
    """
    require_not_behind(log, chain_id, address, counted)
    for nonce, strategy in log.out_for_halted(chain_id, address, counted):
        raise TransientError(
            f"nonce {nonce} of {address} is out for strategy {strategy}, which is halted, and not mined: "
            f"nothing is signed behind it; `keeper resume {strategy}` has it settled"
        )
    for nonce, taken, strategy in log.out(chain_id, address):
        if one_at_a_time or taken > 1:  # its cancellation would leave the second nonce free, and what follows stuck
            raise TransientError(
                f"nonce {nonce} of {address} is out for strategy {strategy} and not settled: of an account that runs "
                "a batch contract only one transaction is out at a time"
            )
    live = log.highest_live_nonce(chain_id, address)
    return counted if live is None else max(counted, live + 1)


def require_not_behind(log: TransactionLog, chain_id: int, address: str, counted: int) -> None:
    """TransientError where the node counts fewer transactions than the journal has evidence of."""
    settled = log.highest_settled_nonce(chain_id, address)
    if settled is not None and counted <= settled:
        raise TransientError(
            f"the node counts {counted} transactions of {address}, but nonce {settled} is mined: it lags "
            "behind, or the chain is being reorganised; nothing was signed"
        )


def holds_up_others(log: TransactionLog, transaction: StoredTransaction) -> bool:
    """Whether it takes two nonces and others of ours, signed for later ones, wait behind it after a reorganisation.

    A self-send would take one of the two and leave those others waiting for good. So the same bytes go out again,
    however late: what moves money in them carries its own deadline, and both nonces are used up by a revert too.
    """
    if transaction.attempts[-1].nonces == 1:
        return False
    place = transaction.chain_id, transaction.sender
    undelegation = log.undelegations.live(*place)
    out = [nonce for nonce, _, _ in log.out(*place)] + ([] if undelegation is None else [undelegation[0]])
    return any(nonce > transaction.nonce for nonce in out)
