"""The bytes of a history: those of its canonical form, kept for the very same tuple alone."""

from __future__ import annotations

from keeper.model import canonical
from keeper.model.observation import Sample
from keeper.world.history_bytes import written_out


def made(price: int) -> tuple[Sample, ...]:
    return tuple(Sample(hour * 3_600, price + hour, None, None) for hour in range(3))


def test_bytes_and_digest_are_the_canonical_ones() -> None:
    samples = made(5)
    content, digest = written_out(samples, map(canonical.encode, samples))
    assert (content, digest) == (canonical.encode(samples), canonical.digest(samples))
    assert written_out((), ()) == (canonical.encode(()), canonical.digest(()))


def test_only_the_same_tuple_is_known_again() -> None:
    """An equal one is written out anew, and of many the oldest are forgotten: no number of an object is taken for its
    content."""
    first = made(7)
    known = written_out(first, map(canonical.encode, first))
    assert written_out(first, iter(())) == known  # nothing is asked for
    again = written_out(made(7), map(canonical.encode, made(7)))
    assert again == known and again[0] is not known[0]
    for price in range(20):
        other = made(price)
        assert written_out(other, map(canonical.encode, other))[1] == canonical.digest(other)
