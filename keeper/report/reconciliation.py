"""The ledger held against the wallet on the chain, to the wei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keeper.model.ledger import NATIVE, EntryKind, LedgerEntry
from keeper.model.observation import Observation
from keeper.model.price import Token


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """Signed sums of the ledger for one token, raw units, and the wallet's balance on the chain.

    deposits − mints + decreases + collected fees + net swaps − withdrawals (− gas, native only) = wallet balance.
    """

    token: Token
    deposits: int
    withdrawals: int
    mints: int
    decreases: int
    collected: int
    swaps: int
    gas: int
    chain_balance: int

    @property
    def journal_balance(self) -> int:
        """The sum of every line: amounts carry their sign from the wallet's side."""
        moved = self.mints + self.decreases + self.collected + self.swaps
        return self.deposits + self.withdrawals + moved + self.gas

    @property
    def difference_wei(self) -> int:
        return self.journal_balance - self.chain_balance

    @property
    def largest(self) -> int:
        """The largest amount of the account, which sets how many decimals are worth showing."""
        sums = (self.deposits, self.withdrawals, self.mints, self.decreases, self.collected, self.swaps, self.gas)
        return max(abs(amount) for amount in (*sums, self.chain_balance))


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The accounts of token0, token1 and the native coin at one block."""

    block_number: int
    accounts: tuple[TokenAccount, TokenAccount, TokenAccount]

    @property
    def difference_wei(self) -> list[int]:
        """Journal − chain, raw units: [token0, token1, native]."""
        return [account.difference_wei for account in self.accounts]

    @property
    def is_exact(self) -> bool:
        return not any(self.difference_wei)


def reconcile(end: Observation, entries: Sequence[LedgerEntry]) -> Reconciliation:
    """The ledger up to the observed block against what the wallet held at that block."""
    pool, wallet = end.pool, end.wallet
    native = end.gas.native_price.base
    known = [entry for entry in entries if entry.block_number <= end.block.number]

    def account(token: Token, name: str, balance: int) -> TokenAccount:
        mine = [entry for entry in known if entry.token.lower() == name.lower()]

        def total(kind: EntryKind) -> int:
            return sum(entry.amount for entry in mine if entry.kind == kind)

        return TokenAccount(
            token=token,
            deposits=total("deposit"),
            withdrawals=total("withdrawal"),
            mints=total("mint"),
            decreases=total("decrease"),
            collected=total("collect"),
            swaps=total("swap"),
            gas=total("gas"),
            chain_balance=balance,
        )

    accounts = (
        account(pool.token0, pool.token0.address, wallet.balance_0),
        account(pool.token1, pool.token1.address, wallet.balance_1),
        account(native, NATIVE, wallet.native_wei),
    )
    return Reconciliation(end.block.number, accounts)
