from __future__ import annotations

from dataclasses import replace

from keeper.model import canonical
from keeper.model.observation import Bar
from keeper.world.feeds.swaps import PoolMark, PoolSwap, Segment, TapeBlock, TapePiece
from keeper.world.journal import decisions
from keeper.world.journal.opening import open_journal
from tests.world import words
from tests.world.words import START, decision, history, observation, sample


def test_samples_are_kept(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    kept = [replace(sample(index), fee_growth_global_0_x128=None) for index in range(5)]
    for each in kept:
        journal.samples.add(words.POOL, 31337, each)
    journal.samples.add(words.POOL, 31337, replace(kept[2], sqrt_price_x96=5))
    assert journal.samples.between(words.POOL, 31337, START + 300, START + 900) == kept[1:4]
    assert journal.samples.between(words.POOL, 1, 0, 1 << 40) == []


def swap_at(number: int, index: int = 0) -> PoolSwap:
    return PoolSwap(number, index, f"0x{number:064x}", START + 12 * number, 10**30, -(10**31), 2**159, 2**127, -887_272)


def piece(first: int, last: int, *swaps: PoolSwap, marks: tuple[PoolMark, ...] = ()) -> TapePiece:
    ends = [TapeBlock(number, f"0x{number:064x}", START + 12 * number) for number in (first, last)]
    return TapePiece(ends[0], f"0x{first - 1:064x}", ends[1], swaps, marks)


def segment(first: int, last: int) -> Segment:
    return Segment(first, START + 12 * first, f"0x{first - 1:064x}", last, START + 12 * last, f"0x{last:064x}", False)


def test_the_tape_comes_back_and_is_cut(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    tape, other = journal.tape(1, words.POOL.upper().replace("0X", "0x")), journal.tape(2, words.POOL)
    mark = PoolMark(120, 1, START + 1_440, "initialize", 2**159, -5)
    tape.write(piece(100, 130, swap_at(110), swap_at(120, 3), swap_at(130), marks=(mark,)), [segment(100, 130)])
    tape.write(piece(100, 130, swap_at(110)), [segment(100, 130)])  # again: nothing is doubled
    other.write(piece(100, 130, swap_at(125)), [segment(100, 130)])
    journal.close()
    journal = open_journal(journal_url, "dry")
    tape, other = journal.tape(1, words.POOL), journal.tape(2, words.POOL)
    assert tape.swaps(0, 1 << 60) == [swap_at(110), swap_at(120, 3), swap_at(130)]
    assert tape.swaps(START + 12 * 110, START + 12 * 130 - 1) == [swap_at(120, 3)]
    assert tape.marks(0, 1 << 60) == [mark]
    assert tape.segments() == [segment(100, 130)]
    assert tape.last_swap(START + 12 * 125, 0) == swap_at(120, 3)
    assert tape.last_swap(START + 12 * 125, 121) is None
    assert [block.number for block in tape.checkpoints(125)] == [120, 110]
    moments = [replace(sample(1), timestamp=START + 12 * number) for number in (115, 116)]
    for each in moments:
        for chain_id in (1, 2):
            journal.samples.add(words.POOL, chain_id, each)
    tape.cut(115, START + 12 * 115, [segment(100, 115)])
    assert journal.samples.between(words.POOL, 1, 0, 1 << 60) == moments[:1]
    assert journal.samples.between(words.POOL, 2, 0, 1 << 60) == moments
    assert tape.swaps(0, 1 << 60) == [swap_at(110)]
    assert (tape.marks(0, 1 << 60), tape.segments()) == ([], [segment(100, 115)])
    assert [block.number for block in tape.checkpoints(1 << 40)] == [110]
    tape.forget_below(111, [])
    assert (tape.swaps(0, 1 << 60), tape.segments()) == ([], [])
    assert other.swaps(0, 1 << 60) == [swap_at(125)]


def test_bars_are_kept_with_samples_and_with_decisions(journal_url: str) -> None:
    journal = open_journal(journal_url, "dry")
    bar = Bar(-887_272, 887_271, 10**40, 3, 7)
    kept = replace(sample(2), bar=bar)
    journal.samples.add(words.POOL, 31337, sample(1))
    journal.samples.add(words.POOL, 31337, sample(2))
    journal.samples.replace(words.POOL, 31337, [kept, sample(3)])
    assert journal.samples.between(words.POOL, 31337, 0, 1 << 40) == [sample(1), kept, sample(3)]
    journal.samples.forget_after(words.POOL, 31337, kept.timestamp)
    assert journal.samples.between(words.POOL, 31337, 0, 1 << 40) == [sample(1), kept]
    plain = replace(history(1, 3), samples=(sample(1), sample(2), sample(3)))
    barred = replace(plain, samples=(sample(1), kept, sample(3)))
    made = [decision(number, seen=replace(observation(number), history=each))
            for number, each in ((1, plain), (2, barred), (3, plain))]  # fmt: skip
    for each in made:
        journal.record_decision(each)
    with journal.reading() as query:
        found = [each.canonical for each in decisions.stored_decisions(query)]
        assert found == [canonical.encode(each) for each in made]
