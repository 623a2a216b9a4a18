"""A keeper at work while everything around it happens, in an order that hypothesis chooses."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar, Final, Literal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from keeper.chainlab.calls import send
from keeper.chainlab.deploy import slot0
from keeper.errors import FatalError, TransientError
from keeper.model.plan import Swap
from keeper.model.ticks import sqrt_price_at_tick
from keeper.world.chain.node import HttpNode
from keeper.world.journal.opening import open_journal
from keeper.world.venues.uniswap_v3 import build as build_venue
from tests.faults import invariants, node_faults
from tests.faults.evidence import Evidence
from tests.faults.proxy import Fault, HostileNode
from tests.faults.site import MODE, NAME, Keeper, Patience, Site, open_keeper, passes, quick
from tests.policy.desk import WHALE_MONEY, Warm
from tests.world.conftest import FAR_DEADLINE

ROOM_BLOCKS: Final = 70  # a reorganisation of 64 blocks must not reach what the test itself has set up
CEILING_WEI: Final = 500 * 10**9
MOST_AT_THE_END: Final = 60
FAULTS: Final[dict[str, tuple[str, Fault]]] = {
    "the answer to a send is lost": ("eth_sendRawTransaction", node_faults.drop_reply),
    "a send is lost": ("eth_sendRawTransaction", node_faults.drop_request),
    "a send is refused": ("eth_sendRawTransaction", node_faults.underpriced),
    "a receipt is not shown": ("eth_getTransactionReceipt", node_faults.answer(lambda _receipt: None)),
    "half an answer": ("*", node_faults.half_json),
    "too many requests": ("*", node_faults.status(429)),
    "connection reset": ("*", node_faults.reset),
    "a page instead of JSON": ("*", node_faults.not_json),
}


class Crash(BaseException):
    """The process ends here."""


class CrashingNode(HttpNode):
    """Ends the process at the exchange that ``fuse`` counts down to."""

    fuse: int = -1

    def _ask(self, *arguments: object, **named: object) -> object:  # type: ignore[override]
        self.fuse -= 1
        if self.fuse == 0:
            raise Crash
        result = super()._ask(*arguments, **named)  # type: ignore[arg-type]
        self.fuse -= 1
        if self.fuse == 0:
            raise Crash
        return result


class KeeperUnderFire(RuleBasedStateMachine):
    """Rules are what may happen; after each the invariants that hold at any moment are checked, at the end all."""

    warm: ClassVar[Warm]
    site: ClassVar[Site]
    renew: ClassVar[Callable[[], None]]
    steps: ClassVar[int] = 0
    runs: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        type(self).runs += 1
        type(self).renew()
        self.folder = Path(mkdtemp(prefix="keeper-machine-"))
        home = self.site.copied_to(self.folder)
        passes(self.warm, type(self).runs)  # anvil confuses the states of blocks that it has had before
        home.rpc("anvil_mine", hex(ROOM_BLOCKS))
        self.node = HostileNode(home.anvil_url).__enter__()
        self.home = replace(home, url=self.node.url)
        self.patience = Patience(self.home)
        self.halted_at: Evidence | None = None
        self.open()

    def open(self) -> None:
        journal = open_journal(self.home.journal_url, MODE)
        plain = quick(self.node.url)
        self.wire = CrashingNode((self.node.url,), chain_id=31337, timeout_seconds=0.4, backoff_seconds=0.002,
                                 max_backoff_seconds=0.02, breaker_seconds=0.05)  # fmt: skip
        plain.close()
        self.keeper: Keeper | None = None
        try:
            self.keeper = open_keeper(self.home, journal, node=self.wire, pause=self.patience.pause,
                                      now=self.patience.now)  # fmt: skip
        except TransientError:
            journal.close()

    def turn(self) -> str:
        """One cycle, handled as the daemon does."""
        if self.keeper is None:
            self.open()
        if self.keeper is None:
            return "not started"
        journal = self.keeper.journal
        try:
            if journal.memory(NAME).state == "halted":
                return "halted"
            return self.keeper.cycle().kind
        except TransientError:
            return "deferred"
        except FatalError as error:
            journal.set_state(NAME, "halted", str(error), 0)
            raise AssertionError(f"halted, though nobody else signs: {error}") from error

    @rule(most=st.integers(1, 4))
    def cycles(self, most: int) -> None:
        for _ in range(most):
            if self.turn() != "done":
                break
        self.check_always()

    @rule()
    def a_cycle_without_a_block(self) -> None:
        self.patience.mining = False
        self.turn()
        self.patience.mining = True
        self.check_always()

    @rule(fuse=st.integers(1, 90))
    def a_crash(self, fuse: int) -> None:
        self.wire.fuse = fuse
        with contextlib.suppress(Crash):
            for _ in range(4):
                if self.turn() != "done":
                    break
        self.wire.fuse = -1
        self.restart()

    @rule()
    def restart(self) -> None:
        if self.keeper is not None:
            self.keeper.journal.close()
        self.open()
        self.check_always()

    @rule(count=st.integers(1, 5))
    def blocks(self, count: int) -> None:
        for _ in range(count):
            self.home.mine()

    @rule(seconds=st.sampled_from([30, 300, 1_900, 7_200]))
    def time_passes(self, seconds: int) -> None:
        passes(self.warm, seconds)

    @rule(ticks=st.sampled_from([-900, -600, -60, 60, 600, 900]), settles=st.booleans())
    def the_price_moves(self, ticks: int, settles: bool) -> None:
        rpc, pool = self.warm.anvil.rpc, self.home.pool
        tick = max(-220_000, min(220_000, slot0(rpc, pool)[1] + ticks))
        zero_for_one = ticks < 0
        step = Swap(zero_for_one, WHALE_MONEY // 10**4, 0, 0, sqrt_price_at_tick(tick))
        venue = build_venue(HttpNode((self.home.anvil_url,), chain_id=31337), self.warm.contracts, pool)
        call = venue.call(step, self.warm.whale, FAR_DEADLINE)
        send(rpc, self.warm.whale, call.to, "0x" + call.data.hex())
        passes(self.warm, 1_900 if settles else 12)

    @rule(depth=st.integers(1, 64))
    def a_reorganisation(self, depth: int) -> None:
        self.home.rpc("anvil_reorg", depth, [])

    @rule(name=st.sampled_from(sorted(FAULTS)), times=st.integers(1, 6), skip=st.integers(0, 10))
    def a_fault(self, name: str, times: int, skip: int) -> None:
        method, fault = FAULTS[name]
        self.node.on(method, fault, times=times, skip=skip)

    @rule()
    def the_pool_is_emptied(self) -> None:
        self.home.rpc("anvil_dropAllTransactions")

    @rule(gwei=st.sampled_from([1, 5, 40, 200]))
    def the_base_fee_jumps(self, gwei: int) -> None:
        self.home.rpc("anvil_setNextBlockBaseFeePerGas", hex(gwei * 10**9))
        self.home.mine()

    @rule(state=st.sampled_from(["paused", "running", "exiting"]))
    def the_operator(self, state: Literal["paused", "running", "exiting"]) -> None:
        if self.keeper is not None:
            self.keeper.journal.set_state(NAME, state, "the operator asked", 0)

    @rule()
    def a_halt(self) -> None:
        """Halted, and whoever runs the turns has not noticed: the hands themselves sign nothing."""
        if self.keeper is None:
            return
        journal = self.keeper.journal
        state = journal.memory(NAME).state
        journal.set_state(NAME, "halted", "a person must look", 0)
        before = self.home.evidence()
        with contextlib.suppress(TransientError, FatalError):
            self.keeper.cycle()
        wrong = invariants.i13_halted_signs_nothing(before, self.home.evidence())
        assert wrong == [], wrong
        journal.set_state(NAME, state, "", 0)

    def check_always(self) -> None:
        type(self).steps += 1
        seen = self.home.evidence()
        wrong = [
            *invariants.i1_one_effect_per_step(seen),
            *invariants.i2_every_hash_is_known(seen, {each.hash for each in self.node.sent}),
            *invariants.i4_passes_the_policy(seen),
            *invariants.i5_fees_rise_within_caps(seen.attempts, CEILING_WEI),
            *invariants.i8_positions_within_number(seen, 1),
        ]
        assert wrong == [], wrong

    def teardown(self) -> None:
        if not hasattr(self, "home"):
            return
        try:
            self._come_to_rest()
        finally:
            if self.keeper is not None:
                self.keeper.journal.close()
            self.node.__exit__(None, None, None)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _come_to_rest(self) -> None:
        """The faults stop: everything comes to its end, and the books are the chain's."""
        self.node.calm()
        self.wire.fuse = -1
        if self.keeper is None:
            self.open()
        assert self.keeper is not None
        self.keeper.journal.set_state(NAME, "running", "", 0)
        passes(self.warm, 86_400)  # waits after failures are over
        kinds: list[str] = []
        while kinds[-2:] != ["held", "held"]:
            kinds.append(self.turn())
            if kinds[-1] not in ("done", "held"):
                self.home.mine()
            if kinds[-1] == "held" and self.home.evidence().held == {}:
                passes(self.warm, 1_900)
            assert len(kinds) < MOST_AT_THE_END, f"still busy: {kinds}"
        wrong = invariants.resting(self.home.evidence(), ceiling_wei=CEILING_WEI)
        assert wrong == [], (wrong, kinds)
