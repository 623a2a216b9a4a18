"""The hall where thought and hands meet: observe, reconcile, decide, write, act. There is no mode in here."""

from __future__ import annotations

from keeper.model.outcome import Held, Outcome
from keeper.policy.decide import Strategy, decide, requote
from keeper.world.protocols import Executor, Journal, Observer, Reconciler


def run_cycle(
    observer: Observer, reconciler: Reconciler, executor: Executor, strategy: Strategy, journal: Journal
) -> Outcome:
    """One turn for one strategy. What is in flight comes first; nothing is decided while it is open, and nothing before
    the journal was held against the chain."""
    unfinished = executor.recover(strategy.name)
    if unfinished is not None:
        return unfinished
    memory = journal.memory(strategy.name)
    if memory.open is not None:
        return journal.close_plan(memory.open, executor.settle(memory.open))
    observation = observer.observe()
    if reconciler.reconcile(observation):
        memory = journal.memory(strategy.name)
    decision = decide(strategy, observation, memory)
    decision_id = journal.record_decision(decision)
    if decision.verdict.objections or not decision.plan.steps:
        return Held(decision.verdict.objections)
    dearer = requote(decision, observer.observe())
    if dearer is not None:
        return journal.abandon(decision_id, Held((dearer,)))
    submission = journal.open_plan(decision_id, decision.plan)  # durable before any byte leaves
    return journal.close_plan(submission, executor.submit(submission, decision.plan))
