"""The canonical byte form: equal values, equal bytes; and back again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.model import canonical


@dataclass(frozen=True)
class Leaf:
    amount: int
    ratio: float | None
    kind: Literal["leaf"] = "leaf"


@dataclass(frozen=True)
class Pair:
    words: tuple[str, ...]
    pair: tuple[int, str]
    kind: Literal["pair"] = "pair"


@dataclass(frozen=True)
class Tree:
    parts: tuple[Leaf | Pair, ...]
    first: Leaf | Pair
    note: str | None
    figure: int | float | str


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)  # a lone surrogate is not text and has no UTF-8
floats = st.floats(allow_nan=False, allow_infinity=False)
leaves = st.builds(Leaf, st.integers(-(2**300), 2**300), st.none() | floats)
pairs = st.builds(Pair, st.lists(text, max_size=3).map(tuple), st.tuples(st.integers(), text))
trees = st.builds(
    Tree,
    st.lists(leaves | pairs, max_size=4).map(tuple),
    leaves | pairs,
    st.none() | text,
    st.integers() | floats | text,
)


@given(trees)
def test_there_and_back(tree: Tree) -> None:
    data = canonical.encode(tree)
    assert canonical.decode(Tree, data) == tree
    assert canonical.encode(canonical.decode(Tree, data)) == data


def test_the_form_itself_is_fixed() -> None:
    """These bytes are in journals: a change here breaks every stored digest."""
    tree = Tree((Leaf(2**200, 0.1),), Pair(("é",), (1, "a")), None, 1e-7)
    assert (
        canonical.encode(tree)
        == (
            '{"figure":1e-07,"first":{"kind":"pair","pair":[1,"a"],"words":["é"]},"note":null,"parts":[{"amount":'
            '1606938044258990275541962092341162602522202993782792835301376,"kind":"leaf","ratio":0.1}]}'
        ).encode()
    )


def test_whole_floats_stay_floats() -> None:
    decoded = canonical.decode(Leaf, canonical.encode(Leaf(1, 2.0)))
    assert isinstance(decoded.ratio, float)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="canonical"):
        canonical.encode(Leaf(1, value))


def test_foreign_types_and_foreign_shapes_are_refused() -> None:
    with pytest.raises(TypeError):
        canonical.encode({1: object()})
    with pytest.raises(ValueError, match="Leaf"):
        canonical.decode(Leaf, b'{"amount":1}')
