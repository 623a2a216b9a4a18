"""A treasury on a local chain: a 2-of-3 Safe with tokens, its owners, its service, and the operator's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.address import to_checksum_address

from keeper.chainlab.calls import read, send, transact
from keeper.chainlab.deploy import slot0
from keeper.chainlab.deploy_account import place_batch_account
from keeper.chainlab.deploy_safe import create_safe, place_safe_contracts
from keeper.chainlab.lab import Lab
from keeper.chainlab.owners import OwnersAtHand
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.chain.contracts import Contracts
from keeper.world.chain.node import HttpNode
from keeper.world.journal.proposal_queries import ProposalRecord, proposals
from keeper.world.journal.reading import read_journal
from keeper.world.safe.service import SafeService
from keeper.world.signers import keystore
from keeper.world.venues.uniswap_v3 import build
from tests.cli.operator import PASSWORD, PRIVATE_KEY, lab_of_now, watched, write_keeper_yaml
from tests.safe.transaction_service import TransactionService

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "treasury"
OWNERS, THRESHOLD = 3, 2
WHALE_MONEY = 10**30
HOURS = 10


@dataclass
class Story:
    """What people and the market do; what the keeper does is up to its commands."""

    folder: Path
    lab: Lab
    safe: str
    owners: OwnersAtHand
    service: TransactionService
    key: str

    def delegate(self) -> None:
        """The first owner signs the message that lets the keeper's key propose."""
        owner = self._owner(0)
        domain = {"name": "Safe Transaction Service", "version": "1.0", "chainId": self.lab.deployment.chain_id}
        types = {"Delegate": [{"name": "delegateAddress", "type": "address"}, {"name": "totp", "type": "uint256"}]}
        message = {"delegateAddress": self.key, "totp": int(self.service.board.clock()) // 3_600}
        signature = owner.sign_message(encode_typed_data(domain, types, message)).signature
        body = {"delegate": self.key, "delegator": owner.address, "label": "keeper", "safe": self.safe,
                "signature": "0x" + bytes(signature).hex()}  # fmt: skip
        assert self.service.board.add_delegate(body)[0] == 201

    def open_proposal(self) -> ProposalRecord:
        """The newest open one of the journal."""
        with read_journal(f"sqlite:///{self.folder}/keeper.db") as query:
            return proposals(query, with_closed=False)[0]

    def sign(self, number: int) -> None:
        """An owner signs what waits, at the service."""
        digest = bytes.fromhex(self.open_proposal().hash[2:])
        signature = bytes(self._owner(number).unsafe_sign_hash(Hash32(digest)).signature)
        client = SafeService(self.service.url, self.lab.deployment.chain_id, self.safe)
        client.confirm(digest, signature)
        client.close()

    def execute(self) -> None:
        """Somebody with gas money sends it, with as many owners' signatures as it takes."""
        rpc = self.lab.anvil.rpc
        receipt = self.owners.confirm_and_execute(
            rpc, self.safe, self.open_proposal().transaction, str(rpc("eth_accounts")[4])
        )
        assert receipt["status"] == "0x1"

    def wait(self, seconds: int) -> None:
        """Time passes with the price where it is."""
        now = int(self.lab.anvil.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        self.lab.anvil.mine(now + seconds)

    def move_price(self, ticks: int = 650) -> None:
        """A whale trades the price away, a little every hour: no faster than the pool's own volatility."""
        start = slot0(self.lab.anvil.rpc, self.lab.deployment.pool)[1]
        for number in range(1, HOURS + 1):
            self._whale_swap(start + ticks * number // HOURS)
            self.wait(3_600)

    def change_threshold(self, threshold: int) -> None:
        """What owners may do to their Safe, done as the Safe itself."""
        rpc = self.lab.anvil.rpc
        rpc("anvil_impersonateAccount", self.safe)
        self.lab.anvil.set_balance(self.safe, 10**18)
        transact(rpc, self.safe, self.safe, "changeThreshold(uint256)", threshold)
        rpc("anvil_stopImpersonatingAccount", self.safe)
        assert read(rpc, self.safe, "getThreshold()", ("uint256",)) == (threshold,)

    def _whale_swap(self, tick: int) -> None:
        deployment, rpc = self.lab.deployment, self.lab.anvil.rpc
        whale = to_checksum_address(rpc("eth_accounts")[5])
        zero_for_one = tick < slot0(rpc, deployment.pool)[1]
        token = deployment.token0 if zero_for_one else deployment.token1
        transact(rpc, deployment.deployer, token, "mint(address,uint256)", whale, WHALE_MONEY)
        transact(rpc, whale, token, "approve(address,uint256)", deployment.swap_router, WHALE_MONEY)
        contracts = Contracts(
            deployment.factory, deployment.position_manager, deployment.swap_router, deployment.multicall3,
            wrapped_native=deployment.base,
        )  # fmt: skip
        venue = build(HttpNode([self.lab.anvil.url]), contracts, deployment.pool)
        call = venue.call(Swap(zero_for_one, WHALE_MONEY // 10**4, 0, 0, sqrt_price_at_tick(tick)), whale, 2**40)
        send(rpc, whale, call.to, "0x" + call.data.hex())

    def _owner(self, number: int) -> LocalAccount:
        owner: LocalAccount = Account.from_key(self.owners.keys[number])
        return owner


@contextmanager
def open_story(folder: Path, *, mode: str = "safe") -> Iterator[Story]:
    """Everything up to the operator's first command."""
    with ExitStack() as stack:
        world = stack.enter_context(lab_of_now())
        deployment, rpc = world.deployment, world.anvil.rpc
        place_safe_contracts(rpc)
        owners = OwnersAtHand.from_seed(7, OWNERS)
        safe = create_safe(rpc, list(owners.addresses), THRESHOLD)
        base, quote = 10 * 10**18, 20_000 * 10**6
        service = stack.enter_context(TransactionService(rpc, deployment.chain_id))
        key = keystore.import_key(folder / "key.json", PRIVATE_KEY, PASSWORD, scrypt_work=2)
        holder, native_wei = (key, 10**19) if mode == "atomic" else (safe, 0)
        world.market.fund(holder, *((base, quote) if deployment.base_is_token0 else (quote, base)), native_wei)
        place_batch_account(rpc)
        _write_configuration(folder, world, mode, safe, service.url)
        for each, file in ((mode, "keeper.db"), ("dry", "keeper.dry.db")):
            watched(world, folder / file, each)
        yield Story(folder, world, safe, owners, service, key)


def _write_configuration(folder: Path, lab: Lab, mode: str, safe: str, service_url: str) -> None:
    deployment = lab.deployment
    write_keeper_yaml(folder, deployment, lab.anvil.url)
    file = folder / "keeper.yaml"
    section = "" if mode == "atomic" else f'safe:\n  address: "{safe}"\n  service_url: "{service_url}"\n'
    file.write_text(file.read_text().replace("execution: {mode: wallet}\n", f"execution: {{mode: {mode}}}\n{section}"))
    (folder / "strategies").mkdir()
    (folder / "strategies/treasury.yaml").write_text(f"""\
name: {NAME}
chain: local
pool: {{token0: "{deployment.token0}", token1: "{deployment.token1}", fee: {deployment.fee_pips}}}
quote: {"token1" if deployment.base_is_token0 else "token0"}
capital: {{max_quote: 50_000}}
forecaster: {{kind: ewma, half_life_hours: 24}}
range: {{kind: fixed, lower_pct: 5, upper_pct: 5}}
profit: {{hurdle: 0}}
limits: {{max_slippage_bps: 100, max_twap_deviation_ticks: 300, max_price_impact_bps: 200, cooldown_minutes: 30}}
""")
