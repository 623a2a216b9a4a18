"""Which nonce comes next. No counter is kept: the chain's count, and what the journal holds of signed bytes."""

from __future__ import annotations

from keeper.errors import TransientError
from keeper.world.journal.transactions import TransactionLog


def next_nonce(log: TransactionLog, chain_id: int, address: str, counted: int, *, one_at_a_time: bool) -> int:
    """The chain's count, or one more than the highest nonce that is signed for and not settled.

    ``counted`` is how many transactions the node counts at its newest block. ``one_at_a_time``: for an account that
    runs a contract's code (EIP-7702), of which nodes keep a single transaction in their pools.

    Raises:
        TransientError: the node lags behind the journal, or what is out must be settled first.
    """
    settled = log.highest_settled_nonce(chain_id, address)
    if settled is not None and counted <= settled:
        raise TransientError(
            f"the node counts {counted} transactions of {address}, but nonce {settled} is mined: it lags "
            "behind, or the chain is being reorganised; nothing was signed"
        )
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
