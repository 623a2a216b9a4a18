"""The hands of a Safe: proposals to its owners, by Safe's service, on chain, or as files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keeper.assembly_chain import ChainAccess
from keeper.assembly_rehearsal import code_pins, rehearsal
from keeper.assembly_settings import completed
from keeper.assembly_signing import signing_rules
from keeper.assembly_wallet import key_sender
from keeper.config_execution import Safe
from keeper.config_strategies import settings_digest
from keeper.errors import ConfigError
from keeper.known_safe_services import service_url
from keeper.model.decision import Decision
from keeper.policy.settings import StrategySettings
from keeper.world.chain.code_pins import CodePins
from keeper.world.chain.node import HttpNode
from keeper.world.executors.proposal_file import proposal_file_executor
from keeper.world.executors.safe import SafeExecutor
from keeper.world.executors.safe_dry import SafeDryExecutor
from keeper.world.executors.safe_sending import SafeSending
from keeper.world.journal import decisions
from keeper.world.journal.journal import SqlJournal
from keeper.world.protocols import Executor, SafeLook, Signer
from keeper.world.safe.board import Board
from keeper.world.safe.boards import ChainBoard, Queue, ServiceBoard
from keeper.world.safe.checks import KNOWN_MULTI_SEND, SafeChecks
from keeper.world.safe.consent import ActingNode, SendingRehearsal
from keeper.world.safe.contract import SafeReader
from keeper.world.safe.proposing import Executes, Proposer, SafeTerms
from keeper.world.safe.service import SafeService
from keeper.world.safe.watching import SafeWatch
from keeper.world.signers.policed import Examiner, PolicedSigner
from keeper.world.venues.uniswap_v3 import UniswapV3

SAFE_LIMITS = {"plan_lifetime_seconds": 86_400, "max_drift_bps": 100}
"""Of a strategy whose positions belong to a Safe, where it does not say otherwise."""

Describe = Callable[[Decision, int, str], tuple[str, str]]
"""(decision, its number, what the simulation showed) -> title and text for people."""


@dataclass(frozen=True, slots=True)
class SafeAccess:
    """A Safe, and how its owners are told. ``service_url`` None: the service that Safe runs for the chain."""

    address: str
    executes: Executes = "auto"
    approves_on_chain: bool = False
    service_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    proposals_folder: Path = Path("proposals")
    multisend: str = KNOWN_MULTI_SEND.address


def safe_access(section: Safe, folder: Path, environment: Mapping[str, str]) -> SafeAccess:
    """The access that a section ``safe:`` describes; relative paths start from ``folder``.

    Raises:
        ConfigError: the variable that ``api_key_env`` names is empty.
    """
    key = None if section.api_key_env is None else environment.get(section.api_key_env)
    if section.api_key_env is not None and not key:
        raise ConfigError(f"safe.api_key_env names {section.api_key_env}, which is not set: export it, or leave it out")
    return SafeAccess(
        section.address,
        section.execute,
        section.propose_by == "approve_hash",
        section.service_url,
        key,
        folder / section.proposals_folder.expanduser(),
        section.multisend or KNOWN_MULTI_SEND.address,
    )


def plain_words(decision: Decision, decision_id: int, report: str) -> tuple[str, str]:
    """A short description, where nobody gives a better one."""
    steps = ", ".join(step.kind for step in decision.plan.next_steps)
    title = f"{decision.strategy}: {decision.plan.action}"
    return title, f"Decision {decision_id}: {steps}. {decision.verdict.reason}\n\n{report}"


def safe_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    signer: Signer,
    safe: SafeAccess,
    *,
    board: Board | None = None,
    queue: Queue | None = None,
    describe: Describe = plain_words,
    pause: Callable[[float], object] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Proposals signed by ``signer``, an owner or a delegate of one. ``board`` None: the one that ``safe`` names;
    ``queue`` is the board given where transactions of others wait on it too.

    Errors of what it makes: ConfigError where there is no Safe or service; TransientError where the node is silent.
    """

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        parts = _Parts(chain, settings, journal, safe, node, venue)
        rules = signing_rules(
            chain.chain_id, chain.contracts, settings, venue.pool, signer.address,
            owner=safe.address, account="safe", multisend=safe.multisend,
        )  # fmt: skip
        look, examiner = PolicedSigner(signer, rules, journal.signing), Examiner(rules, journal.signing)
        chosen, waiting = (board, queue) if board is not None else parts.board()
        proposer = parts.proposer(look, waiting, examiner)
        sending = None
        if safe.executes != "never" or safe.approves_on_chain:
            acting = ActingNode(node, safe.address, signer.address)
            rehearsed = SendingRehearsal(rehearsal(acting, venue, safe.address, parts.pins))
            sender = key_sender(chain, settings, journal, look, node, rules, rehearsed, pause=pause, now=now)
            sending = SafeSending(sender, journal.transactions, node, parts.terms)
        return SafeExecutor(
            proposer, parts.watch(), parts.checks(), chosen, venue, journal.transactions, journal.proposals,
            parts.describe(describe), queue=waiting, sending=sending, settings_digest=parts.settings_digest,
        )  # fmt: skip

    return make


def file_executor(
    chain: ChainAccess,
    settings: StrategySettings,
    journal: SqlJournal,
    safe: SafeAccess,
    *,
    describe: Describe = plain_words,
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """Proposals as files in ``safe.proposals_folder``; no key. Errors as ``safe_executor``."""

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        parts = _Parts(chain, settings, journal, safe, node, venue)
        rules = signing_rules(
            chain.chain_id, chain.contracts, settings, venue.pool, safe.address,
            account="safe", multisend=safe.multisend,
        )  # fmt: skip
        proposer = parts.proposer(None, None, Examiner(rules, journal.signing))
        return proposal_file_executor(
            safe.proposals_folder, proposer, parts.watch(by_payload=True), parts.checks(), venue,
            journal.transactions, journal.proposals, parts.describe(describe), settings_digest=parts.settings_digest,
        )  # fmt: skip

    return make


def safe_dry_executor(
    chain: ChainAccess, settings: StrategySettings, journal: SqlJournal, safe: SafeAccess
) -> Callable[[HttpNode, UniswapV3], Executor]:
    """What would be proposed, rehearsed; nothing is signed. Errors as ``safe_executor``."""

    def make(node: HttpNode, venue: UniswapV3) -> Executor:
        parts = _Parts(chain, settings, journal, safe, node, venue, pinned=False)
        return SafeDryExecutor(parts.proposer(None, None), parts.watch())

    return make


class _Parts:
    """What every kind of these hands is made of. ConfigError where there is no Safe at the address."""

    def __init__(
        self,
        chain: ChainAccess,
        settings: StrategySettings,
        journal: SqlJournal,
        safe: SafeAccess,
        node: HttpNode,
        venue: UniswapV3,
        *,
        pinned: bool = True,
    ) -> None:
        self._chain, self._settings, self._journal, self._safe = chain, settings, journal, safe
        self._node, self._venue = node, venue
        self._reader = SafeReader(node, chain.contracts.multicall, safe.address, multisend=safe.multisend)
        self._reader.state(str(node.request("eth_getBlockByNumber", ["latest", False])["hash"]))
        multisend, strategy = safe.multisend.lower(), settings.name
        self.terms = SafeTerms(
            chain.chain_id, safe.address.lower(), multisend, safe.executes, approves_on_chain=safe.approves_on_chain
        )
        self.pins: CodePins | None = code_pins(node, venue, journal.pins, chain.chain_id, strategy) if pinned else None
        self.settings_digest = settings_digest(completed(settings))

    def proposer(self, look: SafeLook | None, queue: Queue | None, examiner: Examiner | None = None) -> Proposer:
        node, venue, safe = self._node, self._venue, self._safe.address
        return Proposer(
            self.terms,
            venue,
            self._journal.proposals,
            self._reader,
            lambda owner: rehearsal(ActingNode(node, safe, owner, with_consent=True), venue, safe, self.pins),
            signer=look,
            examiner=examiner,
            queue=queue,
        )

    def watch(self, *, by_payload: bool = False) -> SafeWatch:
        return SafeWatch(self._node, self._reader, confirmations=self._chain.confirmations, by_payload=by_payload)

    def checks(self) -> SafeChecks:
        return SafeChecks(
            self._journal.safe_pins, self._chain.chain_id, self._safe.address, self._settings.name,
            multisend=self._safe.multisend, tell=self._tell,
        )  # fmt: skip

    def describe(self, describe: Describe) -> Callable[[int, str], tuple[str, str]]:
        def of(decision_id: int, report: str) -> tuple[str, str]:
            with self._journal.reading() as query:
                decision = decisions.bare_decision(query, decision_id)
            return describe(decision, decision_id, report)

        return of

    def board(self) -> tuple[Board, Queue | None]:
        """ConfigError where Safe runs no service for the chain and none is named."""
        if self._safe.approves_on_chain:
            return ChainBoard(), None
        url = self._safe.service_url or service_url(self._chain.chain_id)
        if url is None:
            raise ConfigError(
                f"Safe runs no Transaction Service for chain {self._chain.chain_id} that is known here: set "
                "safe.service_url, or safe.propose_by: approve_hash, or execution.mode: proposal_file"
            )
        service = SafeService(url, self._chain.chain_id, self._safe.address, api_key=self._safe.api_key)
        posted = ServiceBoard(service, ignored=self._ignored)
        return posted, posted

    def _ignored(self, owner: str, why: str) -> None:
        self._tell("signature_ignored", f"a confirmation of {owner} at the service does not count: {why}")

    def _tell(self, kind: str, sentence: str) -> None:
        self._journal.proposals.record_event_once(self._settings.name, kind, sentence, int(time.time()))


def within_safe(settings: StrategySettings) -> StrategySettings:
    """The strategy with what suits a Safe where the operator wrote nothing: people sign within a day, and the price may
    drift by a per cent meanwhile."""
    written = settings.limits.model_fields_set
    suited = {name: value for name, value in SAFE_LIMITS.items() if name not in written}
    return settings.model_copy(update={"limits": settings.limits.model_copy(update=suited)})
