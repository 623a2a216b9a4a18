"""What a paper wallet holds: tokens, native coin, allowances, and positions by the numbers of their NFTs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from keeper.model.observation import Account, Allowance, Spender, Wallet

SPENDERS: tuple[Spender, Spender] = ("router", "positions")


@dataclass(frozen=True, slots=True)
class PaperPosition:
    """An NFT: its range, its liquidity, and the key by which the market knows it."""

    token_id: int
    key: int
    lower_tick: int
    upper_tick: int
    liquidity: int


@dataclass(slots=True)
class PaperAccount:
    """Balances are raw units of token0 and token1; ``allowances`` by token (0 or 1) and spender.

    ``token_ids`` are in the order in which ERC721Enumerable lists them. ``revision`` rises with every transaction.
    """

    owner: str
    account: Account
    balances: tuple[int, int]
    native_wei: int
    allowances: dict[tuple[int, Spender], int] = field(default_factory=dict)
    positions: dict[int, PaperPosition] = field(default_factory=dict)
    token_ids: tuple[int, ...] = ()
    next_token_id: int = 1
    sent: int = 0
    revision: int = 0

    def copy(self) -> PaperAccount:
        """One to try things on."""
        return replace(self, allowances=dict(self.allowances), positions=dict(self.positions))

    def move(self, at: int, amount: int) -> None:
        """Add a signed amount to a balance."""
        amounts = list(self.balances)
        amounts[at] += amount
        self.balances = amounts[0], amounts[1]

    def open(self, position: PaperPosition) -> None:
        """Take in a new NFT."""
        self.positions[position.token_id] = position
        self.token_ids = (*self.token_ids, position.token_id)
        self.next_token_id = position.token_id + 1

    def close(self, token_id: int) -> None:
        """Burn an NFT: the last one takes its place in the list, as in the contract."""
        del self.positions[token_id]
        ids = list(self.token_ids)
        at, last = ids.index(token_id), ids.pop()
        if at < len(ids):
            ids[at] = last
        self.token_ids = tuple(ids)

    def wallet(self, token_addresses: tuple[str, str]) -> Wallet:
        """As an observation shows it."""
        allowances = tuple(
            Allowance(address, spender, self.allowances.get((at, spender), 0))
            for at, address in enumerate(token_addresses)
            for spender in SPENDERS
        )
        return Wallet(self.owner, *self.balances, self.native_wei, allowances, self.account)
