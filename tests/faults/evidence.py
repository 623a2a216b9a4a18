"""What a chain and a journal say of one owner, gathered at one moment, by another road than the keeper's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keeper.chainlab.calls import read
from keeper.chainlab.jsonrpc import Rpc
from keeper.model.ledger import NATIVE
from keeper.world.journal import queries
from keeper.world.journal.query import Query, Row

_POSITION = (
    "uint96", "address", "address", "address", "uint24", "int24", "int24", "uint128",
    "uint256", "uint256", "uint128", "uint128",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MinedTransaction:
    """A transaction of the owner that the chain has, in the order of its nonces; ``taken``: how many of them."""

    hash: str
    nonce: int
    to: str
    succeeded: bool
    taken: int = 1


@dataclass(frozen=True, slots=True)
class SignedAttempt:
    """A row of ``attempts`` with its transaction's nonce and step. Fees are wei per gas."""

    step_id: int
    kind: str
    transaction_id: int
    nonce: int
    state: str
    hash: str
    raw: bytes
    gas_limit: int
    max_fee_wei: int
    max_priority_fee_wei: int
    cancels: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the invariants are judged by. Addresses are in lower case, amounts raw units."""

    chain_id: int
    owner: str
    count: int  # transactions that the chain counts for the owner
    mined: tuple[MinedTransaction, ...]
    attempts: tuple[SignedAttempt, ...]
    balances: dict[str, int]
    booked: dict[str, int]
    allowances: dict[tuple[str, str], int]
    held: dict[int, int]  # the chain's NFTs: token id to liquidity
    recorded: tuple[int, ...]  # the journal's open positions
    open_plans: tuple[int, ...]
    states: dict[str, str]  # strategy to its durable state
    contracts: dict[str, str]  # "router" and "positions" to their addresses
    tokens: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look. ``first_block``: none of the owner's transactions is older; ``first_nonce``: nor lower."""

    rpc: Rpc
    chain_id: int
    owner: str
    tokens: tuple[str, str]
    router: str
    positions: str
    first_block: int = 0
    first_nonce: int = 0


@contextmanager
def reading(file: Path) -> Iterator[Query]:
    """Questions to an SQLite journal, past SQLAlchemy and without a write lock."""
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)

    def query(sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return connection.execute(sql, tuple(parameters)).fetchall()

    try:
        yield query
    finally:
        connection.close()


def gather(query: Query, place: Place) -> Evidence:
    """Read the journal, then the chain at its newest block."""
    owner, tokens = place.owner.lower(), (place.tokens[0].lower(), place.tokens[1].lower())
    contracts = {"router": place.router.lower(), "positions": place.positions.lower()}
    rows = query("SELECT token_id FROM positions WHERE closed_timestamp IS NULL ORDER BY id")
    attempts = tuple(signed(query))
    count = int(place.rpc("eth_getTransactionCount", place.owner, "latest"), 16)
    return Evidence(
        chain_id=place.chain_id,
        owner=owner,
        count=count,
        mined=_mined(place, [each.hash for each in attempts], count),
        attempts=attempts,
        balances=_balances(place),
        booked=queries.ledger_balance(query, place.chain_id, place.owner),
        allowances={
            (token, spender): read(place.rpc, token, "allowance(address,address)", ("uint256",), owner, spender)[0]
            for token in tokens
            for spender in contracts.values()
        },
        held=_held(place),
        recorded=tuple(int(token_id) for (token_id,) in rows),
        open_plans=tuple(number for (number,) in query("SELECT id FROM plans WHERE state = 'open'")),
        states=dict(query("SELECT name, state FROM strategies")),
        contracts=contracts,
        tokens=tokens,
    )


def signed(query: Query) -> list[SignedAttempt]:
    """Every attempt that the journal holds, oldest first."""
    rows = query(
        "SELECT s.id, s.kind, t.id, t.nonce, t.state, a.hash, a.raw, a.gas_limit, a.max_fee_wei, "
        "a.max_priority_fee_wei, a.cancels FROM attempts a JOIN transactions t ON t.id = a.transaction_id "
        "JOIN steps s ON s.id = t.step_id ORDER BY a.id"
    )
    return [
        SignedAttempt(step, kind, transaction, nonce, state, name, bytes(raw), gas, int(cap), int(tip), bool(cancels))
        for step, kind, transaction, nonce, state, name, raw, gas, cap, tip, cancels in rows
    ]


def fingerprint(query: Query) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """What recovery may not change twice: everything but what is seen anew at each cycle."""
    tables = ("plans", "steps", "transactions", "attempts", "ledger", "positions")
    return tuple((table, tuple(query(f"SELECT * FROM {table} ORDER BY id"))) for table in tables)


def _mined(place: Place, known: Sequence[str], count: int) -> tuple[MinedTransaction, ...]:
    """All of the owner's transactions. Where the journal's own are as many as the chain counts there is no other one;
    else every block is searched for it."""
    found = [place.rpc("eth_getTransactionByHash", each) for each in known]
    ours = sorted((each for each in found if each and each["blockHash"]), key=lambda each: int(each["nonce"], 16))
    if sum(map(_taken, ours)) == count - place.first_nonce:
        return tuple(_judged(place, each) for each in ours)
    newest = int(place.rpc("eth_blockNumber"), 16)
    blocks = (place.rpc("eth_getBlockByNumber", hex(each), True) for each in range(place.first_block, newest + 1))
    sent = (each for block in blocks for each in block["transactions"] if each["from"].lower() == place.owner.lower())
    return tuple(_judged(place, each) for each in sent)


def _judged(place: Place, sent: dict[str, Any]) -> MinedTransaction:
    receipt = place.rpc("eth_getTransactionReceipt", sent["hash"])
    succeeded = int(receipt["status"], 16) == 1
    name, nonce = sent["hash"].lower(), int(sent["nonce"], 16)
    return MinedTransaction(name, nonce, sent["to"].lower(), succeeded, _taken(sent))


def _taken(sent: dict[str, Any]) -> int:
    """Its own nonce, and one for the authorization that its sender gave to itself (EIP-7702)."""
    return 1 + len(sent.get("authorizationList") or ())


def _balances(place: Place) -> dict[str, int]:
    found = {NATIVE: int(place.rpc("eth_getBalance", place.owner, "latest"), 16)}
    for token in place.tokens:
        (found[token.lower()],) = read(place.rpc, token, "balanceOf(address)", ("uint256",), place.owner)
    return found


def _held(place: Place) -> dict[int, int]:
    (count,) = read(place.rpc, place.positions, "balanceOf(address)", ("uint256",), place.owner)
    owned = "tokenOfOwnerByIndex(address,uint256)"
    ids = [read(place.rpc, place.positions, owned, ("uint256",), place.owner, index)[0] for index in range(count)]
    return {each: read(place.rpc, place.positions, "positions(uint256)", _POSITION, each)[7] for each in ids}
