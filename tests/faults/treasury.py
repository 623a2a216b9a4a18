"""A keeper for a Safe: the real contracts, three owners with keys of their own, a service on a real socket.

Owners sign what the service shows them, in the way a person would: they ask the Safe itself for the hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keeper.assembly import ChainAccess, StrategyRunner, build_strategy, open_hands
from keeper.assembly_safe import SafeAccess, file_executor, safe_executor, within_safe
from keeper.chainlab.calls import call_data, read, send, transact
from keeper.chainlab.deploy_safe import create_safe, owner_sign, place_safe_contracts
from keeper.chainlab.owners import OwnersAtHand
from keeper.known_safe import SAFE_RELEASES
from keeper.model.outcome import Outcome
from keeper.model.safe import SafeTx
from keeper.policy.settings import StrategySettings
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.journal.journal import SqlJournal
from keeper.world.journal.opening import open_journal
from keeper.world.journal.proposal_rows import StoredProposal
from keeper.world.safe.calldata import execute_calldata, packed_signatures
from keeper.world.safe.hashing import safe_tx_hash
from keeper.world.safe.proposing import Executes
from keeper.world.safe.service import SafeService
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import build as build_venue
from tests.faults.site import _SETTINGS, CHAIN_ID, PASSWORD, whale_moves
from tests.faults.treasury_keeper import Keeper
from tests.policy.desk import Warm, journal_that_knows
from tests.safe.transaction_service import TransactionService

SEED = 11
EXECUTOR = 9
"""The account of the node that executes what owners have signed; it is nobody in particular."""


@dataclass(slots=True)
class Treasury:
    """A Safe with money, its owners, and the keeper that works for it. ``mode``: safe or proposal_file."""

    warm: Warm
    folder: Path
    service: TransactionService
    safe: str
    owners: OwnersAtHand
    key: str
    contracts: Contracts
    settings: StrategySettings
    mode: str = "safe"
    confirmations: int = 1
    executes: Executes = "auto"
    approves_on_chain: bool = False
    outcomes: list[Outcome] = field(default_factory=list)

    def rpc(self, method: str, *params: Any) -> Any:
        return self.warm.anvil.rpc(method, *params)

    @property
    def journal_url(self) -> str:
        return f"sqlite:///{self.folder}/keeper.db"

    @property
    def proposals_folder(self) -> Path:
        return self.folder / "proposals"

    def access(self) -> SafeAccess:
        return SafeAccess(
            self.safe,
            self.executes,
            self.approves_on_chain,
            self.service.url,
            proposals_folder=self.proposals_folder,
        )

    @contextmanager
    def at_work(
        self, *, node: HttpNode | None = None, signer: Callable[[Any], Any] = lambda key: key
    ) -> Iterator[Keeper]:
        journal = open_journal(self.journal_url, self.mode)
        try:
            yield self.keeper(journal, node=node, signer=signer)
        finally:
            journal.close()

    def keeper(
        self, journal: SqlJournal, *, node: HttpNode | None = None, signer: Callable[[Any], Any] = lambda key: key
    ) -> Keeper:
        hand = node or HttpNode((self.warm.anvil.url,), chain_id=CHAIN_ID)
        chain = ChainAccess(CHAIN_ID, (self.warm.anvil.url,), self.contracts, confirmations=self.confirmations)
        settings, seconds = within_safe(self.settings), iter(range(0, 10**9, 7))
        if self.mode == "proposal_file":
            executor = file_executor(chain, settings, journal, self.access())
        else:
            key = signer(keystore.load(self.folder / "key.json", PASSWORD))
            executor = safe_executor(
                chain, settings, journal, key, self.access(),
                pause=lambda _seconds: self.mine(), now=lambda: float(next(seconds)),
            )  # fmt: skip
        venue = build_venue(hand, self.contracts, self.warm.deployment.pool)
        hands = open_hands(chain, settings, journal, executor, owner=self.safe, account="safe", eyes=(hand, venue))
        return Keeper(self, StrategyRunner(build_strategy(settings), hands, journal), journal)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc("evm_mine")

    def passes(self, seconds: int) -> None:
        now = int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.warm.anvil.mine(now + seconds)

    def delegates(self) -> None:
        """An owner makes the keeper's key his delegate at the service."""
        entry = {"safe": self.safe, "delegate": self.key, "delegator": self.owners.addresses[0], "label": "keeper"}
        self.service.board.delegates.append(entry | {"expiryDate": None})

    def signatures(self, tx: SafeTx, *who: int) -> dict[str, bytes]:
        return {
            self.owners.addresses[each].lower(): owner_sign(safe_tx_hash(tx), self.owners.keys[each]) for each in who
        }

    def confirms(self, proposal: StoredProposal, *who: int) -> None:
        """Owners look at the service and sign there."""
        for signature in self.signatures(proposal.transaction, *who).values():
            reply = self.service.board.confirm(proposal.hash, {"signature": "0x" + signature.hex()})
            assert reply[0] == 201, reply

    def executes_it(self, tx: SafeTx, *who: int) -> dict[str, Any]:
        """Somebody pays for the execution with these owners' signatures."""
        data = execute_calldata(tx, packed_signatures(self.signatures(tx, *who)))
        executor = str(self.rpc("eth_accounts")[EXECUTOR])
        return send(self.warm.anvil.rpc, executor, self.safe, "0x" + data.hex())

    def approves(self, digest: str, *who: int) -> None:
        """Owners approve a hash on chain."""
        rpc = self.warm.anvil.rpc
        for each in who:
            owner = self.owners.addresses[each]
            rpc("anvil_impersonateAccount", owner)
            rpc("anvil_setBalance", owner, hex(10**18))
            transact(rpc, owner, self.safe, "approveHash(bytes32)", bytes.fromhex(digest[2:]))

    def executes_approved(self, tx: SafeTx, *owners: str) -> dict[str, Any]:
        """Somebody pays for the execution of what these owners have approved on chain."""
        data = execute_calldata(tx, packed_signatures(dict.fromkeys(owners)))
        return send(self.warm.anvil.rpc, str(self.rpc("eth_accounts")[EXECUTOR]), self.safe, "0x" + data.hex())

    def by_itself(self, signature: str, *arguments: Any) -> dict[str, Any]:
        """The owners make the Safe call itself."""
        rpc = self.warm.anvil.rpc
        rpc("anvil_impersonateAccount", self.safe)
        rpc("anvil_setBalance", self.safe, hex(10**18))
        receipt = transact(rpc, self.safe, self.safe, signature, *arguments)
        rpc("anvil_setBalance", self.safe, hex(0))
        return receipt

    def rival(self, nonce: int, *who: int) -> dict[str, Any]:
        """The owners do something else on that nonce."""
        tx = SafeTx(CHAIN_ID, self.safe.lower(), "0x" + "77" * 20, 0, b"\x01", 0, nonce)
        return self.executes_it(tx, *(who or (0, 1)))

    def queue_of_others(self, nonce: int) -> None:
        """An owner puts something else up at the service."""
        tx = SafeTx(CHAIN_ID, self.safe.lower(), "0x" + "77" * 20, 0, b"\x02", 0, nonce)
        ((owner, signature),) = self.signatures(tx, 0).items()
        client = SafeService(self.service.url, CHAIN_ID, self.safe)
        client.propose(tx, safe_tx_hash(tx), owner, signature, "an owner")
        client.close()

    def calls(self, to: str, signature: str, *arguments: Any) -> dict[str, Any]:
        """The owners make the Safe call something, on its next nonce."""
        data = bytes.fromhex(call_data(signature, *arguments)[2:])
        return self.executes_it(SafeTx(CHAIN_ID, self.safe.lower(), to.lower(), 0, data, 0, self.nonce()), 0, 1)

    def leaves_an_allowance(self) -> None:
        deployment = self.warm.deployment
        self.calls(deployment.token0, "approve(address,uint256)", deployment.swap_router, 5)

    def pays_out(self, to: str, amount: int = 1_000) -> None:
        self.calls(self.warm.deployment.quote, "transfer(address,uint256)", to, amount)

    def allowances(self) -> set[int]:
        deployment, rpc = self.warm.deployment, self.warm.anvil.rpc
        return {
            read(rpc, token, "allowance(address,address)", ("uint256",), self.safe, spender)[0]
            for token in (deployment.token0, deployment.token1)
            for spender in (deployment.swap_router, deployment.position_manager)
        }

    def position(self, token_id: int) -> tuple[int, int]:
        """The ticks of a position that the Safe really owns."""
        manager, rpc = self.warm.deployment.position_manager, self.warm.anvil.rpc
        (owner,) = read(rpc, manager, "ownerOf(uint256)", ("address",), token_id)
        assert owner.lower() == self.safe.lower()
        kinds = ("uint96", "address", "address", "address", "uint24", "int24", "int24")
        found = read(rpc, manager, "positions(uint256)", kinds, token_id)
        return found[5], found[6]

    def singleton(self) -> str:
        return "0x" + str(self.rpc("eth_getStorageAt", self.safe, "0x0", "latest"))[-40:]

    def multisend(self) -> str:
        return SAFE_RELEASES["1.4.1"].multi_send_call_only.address

    def nonce(self) -> int:
        answer = self.rpc("eth_call", {"to": self.safe, "data": "0xaffed0e0"}, "latest")
        return int(answer, 16)


def make_treasury(
    warm: Warm,
    folder: Path,
    service: TransactionService,
    *,
    threshold: int = 2,
    key_is_owner: bool = False,
    mode: str = "safe",
    quote_value: int = 50_000,
    owners: Sequence[str] = (),
    **changes: Any,
) -> Treasury:
    """A Safe of three owners (the keeper's key the fourth, where it is one) with tokens, and an empty journal."""
    anvil, deployment = warm.anvil, warm.deployment
    folder.mkdir(parents=True, exist_ok=True)
    key = keystore.create(folder / "key.json", PASSWORD, scrypt_work=2)
    anvil.set_balance(key, 10**19)
    place_safe_contracts(anvil.rpc)
    people = OwnersAtHand.from_seed(SEED)
    named = [*people.addresses, *owners, *([key] if key_is_owner else [])]
    safe = create_safe(anvil.rpc, named, threshold, salt_nonce=int(key, 16) % 2**64)
    base, stable = quote_value * 10**18 // 4_000, quote_value * 10**6 // 2
    for token, amount in ((deployment.base, base), (deployment.quote, stable)):
        transact(anvil.rpc, deployment.deployer, token, "mint(address,uint256)", safe, amount)
    now = int(anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    anvil.mine(now + 1_900)
    quote = "token0" if deployment.quote == deployment.token0 else "token1"
    raw = _SETTINGS | {"name": "treasury", "pool": deployment.pool, "quote": quote} | changes
    settings = StrategySettings.model_validate(raw)
    treasury = Treasury(warm, folder, service, safe, people, key, warm.contracts, settings, mode)
    journal_that_knows(warm, folder / "keeper.db", mode).close()
    if not key_is_owner:
        treasury.delegates()
    return treasury


def whale_away(treasury: Treasury, ticks: int = 700) -> None:
    """A whale moves the price out of the range, and the means follow."""
    whale_moves(treasury.warm, ticks)
