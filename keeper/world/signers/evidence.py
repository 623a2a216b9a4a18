"""What the signing policy goes by: rules that stay while the keeper runs, and evidence read afresh each time."""

from __future__ import annotations

from dataclasses import dataclass

from keeper.model.observation import Account, Observation
from keeper.model.plan import Step
from keeper.model.safe import SafeTx
from keeper.world.chain.contracts import RouterKind


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """The most that one strategy may spend by its signatures. Gas is counted at the most it can cost, in wei.

    Exits and cancellations may go ``exit_reserve_gas_wei`` and ``exit_reserve_transactions`` beyond the hourly and
    daily limits: a way out stays when something else has used them up.
    """

    max_gas_units: int
    gas_wei_per_transaction: int
    gas_wei_per_hour: int
    gas_wei_per_day: int
    gas_wei_per_exit: int
    exit_reserve_gas_wei: int
    swapped_quote_per_transaction: int
    swapped_quote_per_hour: int
    swapped_quote_per_day: int
    transactions_per_hour: int
    transactions_per_day: int
    exit_reserve_transactions: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a strategy may ever sign. Addresses are lower-case hex, amounts raw units, fees wei per gas.

    ``owner`` receives all that is paid out; ``signer`` pays for gas. ``max_fee_wei`` None: no ceiling but the limits on
    gas that is paid; for exits and cancellations ``max_exit_fee_wei`` counts in its place.

    ``account`` says what the owner can do in one transaction. ``delegate``: the one contract that a key may delegate
    its own account to (EIP-7702; None: none). ``multisend``: the one that a Safe may delegate a call to (None: none);
    with ``account`` "safe" the owner is the Safe, and the signer one of its owners, or their delegate.
    """

    strategy: str
    chain_id: int
    owner: str
    signer: str
    positions: str
    router: str
    router_kind: RouterKind
    pool: str
    token0: str
    token1: str
    fee_pips: int
    tick_spacing: int
    quote_is_token0: bool
    max_capital_quote: int
    max_slippage_bps: int
    twap_seconds: int
    max_twap_deviation_ticks: int
    plan_lifetime_seconds: int
    adopts_unknown_positions: bool
    max_fee_wei: int | None
    max_exit_fee_wei: int | None
    max_priority_fee_wei: int
    limits: SpendingLimits
    account: Account = "key"
    delegate: str | None = None
    multisend: str | None = None


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """Signed bytes that stand at the step's nonce already."""

    raw: bytes
    cancels: bool


@dataclass(frozen=True, slots=True)
class PastProposal:
    """What was proposed to a Safe's owners for the step, or (``rejects``) to take the nonce of that away.

    ``state`` as the journal names it: HASHED, PROPOSED, READY, EXECUTED, FINAL, REPLACED, REJECTED, EXPIRED.
    ``debit_quote``: what was counted against the limits when it was signed, raw quote units.
    """

    transaction: SafeTx
    rejects: bool
    state: str
    debit_quote: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What a strategy's other transactions have spent in a span of time."""

    gas_wei: int
    swapped_quote: int
    transactions: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the journal says at the moment of a signature.

    ``step`` is the durable row, ``decided_steps`` those of the decision that it came from, of which it must be number
    ``ordinal``. ``nonce`` and ``attempts``: what is signed for the step already. ``lowest_nonce``: below it every nonce
    of the signer is taken. ``own_token_ids`` and ``foreign_token_ids``: open positions of this strategy, of others.
    ``proposals`` are the step's, oldest first; below ``lowest_safe_nonce`` the Safe's nonces are known to be used.
    """

    strategy: str
    strategy_state: str
    signer_state: str
    chain_id: int
    owner: str
    plan_state: str
    step_state: str
    step: Step
    ordinal: int
    decided_steps: tuple[Step, ...]
    deadline_timestamp: int
    decided_deadline_timestamp: int
    observation: Observation
    head_timestamp: int
    cancels: bool
    nonce: int | None
    is_settled: bool
    attempts: tuple[PastAttempt, ...]
    lowest_nonce: int
    own_token_ids: frozenset[int]
    foreign_token_ids: frozenset[int]
    spent_hour: Spent
    spent_day: Spent
    proposals: tuple[PastProposal, ...] = ()
    lowest_safe_nonce: int = 0
