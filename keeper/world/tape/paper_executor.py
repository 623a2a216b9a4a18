"""Carries out a plan on paper: at the end of a later block, at the price and through the liquidity that stand there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from keeper.errors import FatalError
from keeper.model.gas_units import gas_used
from keeper.model.ledger import NATIVE, Effects, LedgerEntry, OpenedPosition, together
from keeper.model.memory import OpenSubmission
from keeper.model.outcome import Done, Failed, Outcome
from keeper.model.plan import Plan, Step
from keeper.world.journal.paper import PaperLog
from keeper.world.tape.gas_series import GasPrice
from keeper.world.tape.paper import PaperWorld
from keeper.world.tape.paper_pool import RevertedError
from keeper.world.tape.paper_trial import Added, Decreased, Deed, Swapped, Taken, Trial


@dataclass(frozen=True, slots=True)
class PaperGas:
    """What a transaction's sender paid; for a Safe that is somebody else."""

    transaction_hash: str
    block_number: int
    timestamp: int
    gas_wei: int


class PaperExecutor:
    """Implements ``Executor``, as the wallet executor does it on a chain: a transaction for each step (a batch is one),
    each tried before it is sent, sent when the one before it is mined, and mined ``1 + latency_blocks`` blocks later.

    What was sent and reverts when it is mined has cost its gas. ``executed`` is what others paid for a Safe.
    """

    def __init__(self, world: PaperWorld, log: PaperLog, latency_blocks: int) -> None:
        self._world, self._log, self._blocks = world, log, 1 + latency_blocks
        self.executed: list[PaperGas] = []

    def recover(self, strategy: str) -> Outcome | None:  # noqa: ARG002
        """Nothing is ever undone on a tape."""
        return None

    def settle(self, submission: OpenSubmission) -> Outcome:
        """Nothing is ever in flight: an open plan is one that was interrupted."""
        return Failed(submission, "interrupted before it was carried out")

    def submit(self, submission: OpenSubmission, plan: Plan) -> Outcome:
        """Carry out the next steps of the plan. FatalError: the market did something else than the trial of it."""
        steps = plan.next_steps
        refusal = self._tried(steps, submission)
        if refusal is not None:
            return Failed(submission, refusal)
        effects: list[Effects] = []
        for step in steps:
            made = self._carry_out(step, submission)
            if isinstance(made, str):
                self._log.book(submission, together(effects).entries)  # what came before it has happened, and is paid
                return Failed(submission, f"{step.kind}: {made}")
            effects.append(made)
        return Done(submission, together(effects))

    def _trial(self, deadline_timestamp: int) -> Trial:
        market = self._world.market
        own = {each.key: each for each in market.own()}
        return Trial(market.state(), own, self._world.account.copy(), market.now.timestamp, deadline_timestamp)

    def _tried(self, steps: Sequence[Step], submission: OpenSubmission) -> str | None:
        """Why a step would fail as things stand, all tried one upon the other: then nothing is sent."""
        trial = self._trial(submission.deadline_timestamp)
        for step in steps:
            try:
                trial.carry_out(step)
            except RevertedError as error:
                return f"{step.kind}: would revert: {error}"
        return None

    def _carry_out(self, step: Step, submission: OpenSubmission) -> Effects | str:
        world, market = self._world, self._world.market
        if market.now.timestamp > submission.deadline_timestamp:
            return "the plan had expired before it was sent"
        if market.now.block_number + self._blocks > market.end.block_number:
            return "the tape ends before it could be mined"
        market.advance_blocks(self._blocks)
        trial = self._trial(submission.deadline_timestamp)
        why = ""
        try:
            trial.carry_out(step)
        except RevertedError as error:
            why = str(error)
        account = world.account.account
        gas = self._gas(gas_used(step, account, trial.ticks_crossed), world.gas.at(market.now.timestamp))
        if account != "safe" and gas.gas_wei > world.account.native_wei:
            return f"the wallet holds {world.account.native_wei} wei, its gas costs {gas.gas_wei}"
        if why:
            self._log.book(submission, self._pay(gas))
            return f"transaction {gas.transaction_hash} reverted: {why}"
        opened = self._settle(trial)
        return self._effects(trial, opened, gas)

    def _gas(self, gas_units: int, price: GasPrice) -> PaperGas:
        world, now = self._world, self._world.market.now
        world.account.sent += 1
        name = f"{world.market.block_hash}:{world.account.owner}:{world.account.sent}"
        wei = gas_units * (price.base_fee_wei + price.priority_fee_wei)
        return PaperGas("0x" + hashlib.sha256(name.encode()).hexdigest(), now.block_number, now.timestamp, wei)

    def _pay(self, gas: PaperGas) -> tuple[LedgerEntry, ...]:
        account = self._world.account
        account.revision += 1
        if account.account == "safe":
            self.executed.append(gas)
            return ()
        account.native_wei -= gas.gas_wei
        place = gas.transaction_hash, -1, gas.block_number, gas.timestamp
        return (LedgerEntry("gas", NATIVE, -gas.gas_wei, None, *place),) if gas.gas_wei else ()

    def _settle(self, trial: Trial) -> tuple[OpenedPosition, ...]:
        """Do to the market what the trial found, and take its wallet for ours."""
        account, tried = self._world.account, trial.account
        opened: list[OpenedPosition] = []
        for deed in trial.deeds:
            key = self._do(deed)
            if isinstance(deed, Added) and deed.key is None:
                opened.append(
                    OpenedPosition(deed.token_id, deed.lower_tick, deed.upper_tick, deed.liquidity, *deed.amounts)
                )
                tried.positions[deed.token_id] = replace(tried.positions[deed.token_id], key=key)
        account.balances, account.allowances = tried.balances, tried.allowances
        account.positions, account.token_ids = tried.positions, tried.token_ids
        account.next_token_id = tried.next_token_id
        return tuple(opened)

    def _do(self, deed: Deed) -> int:
        """The key of the range; -1 for a swap. FatalError: something else came of it than was tried."""
        market = self._world.market
        match deed:
            case Decreased():
                market.decrease(deed.key, deed.liquidity)
                return deed.key
            case Taken():
                _require_same(market.take_fees(deed.key), deed.amounts, "fees")
                return deed.key
            case Swapped():
                done = market.swap(deed.zero_for_one, deed.amount_in, deed.sqrt_price_limit_x96)
                _require_same((done.amount0, done.amount1), deed.amounts, "a swap")
                return -1
            case Added():
                if deed.key is None:
                    return market.add(deed.lower_tick, deed.upper_tick, deed.liquidity)
                market.increase(deed.key, deed.liquidity)
                return deed.key

    def _effects(self, trial: Trial, opened: tuple[OpenedPosition, ...], gas: PaperGas) -> Effects:
        pool = self._world.market.identity
        addresses = pool.token0.address, pool.token1.address
        entries = tuple(
            LedgerEntry(
                line.kind,
                addresses[line.at],
                line.amount,
                line.token_id,
                gas.transaction_hash,
                line.log_index,
                gas.block_number,
                gas.timestamp,
            )
            for line in trial.lines
        )
        return Effects((*entries, *self._pay(gas)), opened, tuple(trial.burned))


def _require_same(made: tuple[int, int], tried: tuple[int, int], what: str) -> None:
    if made != tried:
        raise FatalError(f"the paper market gave {made} for {what} that was tried to give {tried}: its sums are off")
