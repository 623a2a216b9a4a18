"""Reads a rule by the grammar of ``grammar``: a recursive descent, one method for each line of it."""

from __future__ import annotations

import difflib
import re
from typing import Literal

from keeper.policy.signals.grammar import INDICATORS, Call, GrammarError, Kind, Node, Number, Operation

MOST_CHARACTERS = 500
MOST_DEPTH = 20
LONGEST_WINDOW = 500

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<sign><=|>=|[-+*/<>(),]))", re.ASCII)
COMPARISONS = ("<", "<=", ">", ">=")


def parse(text: str) -> Node:
    """The rule as a tree. GrammarError where it is not a rule."""
    if len(text) > MOST_CHARACTERS:
        raise GrammarError(f"a rule may have {MOST_CHARACTERS} characters, this has {len(text)}; make two rules of it")
    reader = _Reader(text)
    node, kind = reader.rule(0)
    if reader.sign:
        raise reader.error("expected `and`, `or` or the end")
    if kind != "truth":
        raise GrammarError(f"{text.strip()!r} is a {kind} and not a condition; compare it with something")
    return node


class _Reader:
    """The text, token by token, and one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.sign = self.word = self.number = ""
        self._start = 0
        self._next()

    def error(self, sentence: str) -> GrammarError:
        rest = self._text[self._start :]
        if not rest.strip():
            return GrammarError(f"{sentence}, at the end of {self._text.strip()!r}")
        return GrammarError(f"{sentence}, at column {self._start + 1}: {rest[:30]!r}")

    def _next(self) -> None:
        self.sign = self.word = self.number = ""
        while self._end < len(self._text) and self._text[self._end].isspace():
            self._end += 1
        self._start = self._end
        if self._end == len(self._text):
            return
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            raise self.error("a rule has no such sign (it has + - * / < <= > >= and parentheses)")
        self._end = found.end()
        self.number, self.word = found["number"] or "", found["word"] or ""
        self.sign = found["sign"] or found["word"] or found["number"]

    def rule(self, depth: int) -> tuple[Node, Kind]:
        return self._chain("or", depth)

    def _link(self, word: Literal["and", "or"], depth: int) -> tuple[Node, Kind]:
        """`and` binds more closely than `or`."""
        return self._chain("and", depth) if word == "or" else self._denial(depth)

    def _chain(self, word: Literal["and", "or"], depth: int) -> tuple[Node, Kind]:
        node, kind = self._link(word, depth)
        while self.sign == word:
            self._want(kind, "truth", f"what stands before `{word}`")
            self._next()
            right, right_kind = self._link(word, depth)
            self._want(right_kind, "truth", f"what stands after `{word}`")
            node = Operation(word, node, right)
        return node, kind

    def _denial(self, depth: int) -> tuple[Node, Kind]:
        if self.sign != "not":
            return self._comparison(depth)
        self._deeper(depth)
        self._next()
        node, kind = self._denial(depth + 1)
        self._want(kind, "truth", "what stands after `not`")
        return Operation("not", None, node), "truth"

    def _comparison(self, depth: int) -> tuple[Node, Kind]:
        node, kind = self._sum(depth)
        if self.sign not in COMPARISONS:
            return node, kind
        sign = self.sign
        self._next()
        right, right_kind = self._sum(depth)
        if "truth" in (kind, right_kind) or kind != right_kind:
            hint = "; prices are known by their ratios only" if "price" in (kind, right_kind) else ""
            raise self.error(f"a {kind} cannot be compared with a {right_kind}{hint}")
        if self.sign in COMPARISONS:
            raise self.error("one comparison at a time: write `a < b and b < c`")
        return Operation(sign, node, right), "truth"

    def _sum(self, depth: int) -> tuple[Node, Kind]:
        node, kind = self._product(depth)
        while self.sign in ("+", "-"):
            sign = self.sign
            self._next()
            right, right_kind = self._product(depth)
            if kind != right_kind or kind == "truth":
                raise self.error(f"`{sign}` does not go between a {kind} and a {right_kind}")
            node = Operation(sign, node, right)
        return node, kind

    def _product(self, depth: int) -> tuple[Node, Kind]:
        node, kind = self._signed(depth)
        while self.sign in ("*", "/"):
            sign = self.sign
            self._next()
            right, right_kind = self._signed(depth)
            kind = self._product_kind(sign, kind, right_kind)
            node = Operation(sign, node, right)
        return node, kind

    def _product_kind(self, sign: str, left: Kind, right: Kind) -> Kind:
        if "truth" not in (left, right):
            if right == "number":
                return left
            if sign == "/" and left == "price":
                return "number"
            if sign == "*" and left == "number":
                return "price"
        raise self.error(f"`{sign}` does not go between a {left} and a {right}")

    def _signed(self, depth: int) -> tuple[Node, Kind]:
        if self.sign == "-":
            self._deeper(depth)
            self._next()
            node, kind = self._signed(depth + 1)
            self._want(kind, "number", "what stands after `-`")
            return Operation("-", None, node), "number"
        if self.sign == "(":
            self._deeper(depth)
            self._next()
            inner = self.rule(depth + 1)
            self._close()
            return inner
        if self.number:
            value = float(self.number)
            self._next()
            return Number(value), "number"
        if self.word and self.word not in ("and", "or", "not"):
            return self._indicator()
        raise self.error("expected a number, an indicator or a parenthesis")

    def _indicator(self) -> tuple[Node, Kind]:
        name = self.word
        known = INDICATORS.get(name)
        if known is None:
            near = difflib.get_close_matches(name.lower(), INDICATORS, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(INDICATORS))}"
            raise self.error(f"there is no indicator {name!r}; {remedy}")
        self._next()
        if not known.takes_window:
            if self.sign == "(":
                raise self.error(f"{name} takes no window")
            return Call(name), known.kind
        if self.sign != "(":
            raise self.error(f"{name} needs a window in bars, as in {name}(14)")
        self._next()
        window = self._window(name)
        deviations = self._deviations(name) if self.sign == "," else 2.0
        self._close()
        return Call(name, window, deviations), known.kind

    def _window(self, name: str) -> int:
        if not self.number.isdigit() or not 2 <= int(self.number) <= LONGEST_WINDOW:
            raise self.error(f"the window of {name} is a whole number of bars from 2 to {LONGEST_WINDOW}")
        window = int(self.number)
        self._next()
        return window

    def _deviations(self, name: str) -> float:
        if not INDICATORS[name].is_spread:
            raise self.error(f"{name} takes one number, its window")
        self._next()
        if not self.number or not 0 < float(self.number) <= 10:
            raise self.error("the width of the bands is a number of standard deviations from above 0 to 10")
        deviations = float(self.number)
        self._next()
        return deviations

    def _close(self) -> None:
        if self.sign != ")":
            raise self.error("expected `)`")
        self._next()

    def _want(self, found: Kind, wanted: Kind, place: str) -> None:
        if found != wanted:
            raise self.error(f"{place} is a {found}, where a {'condition' if wanted == 'truth' else wanted} is needed")

    def _deeper(self, depth: int) -> None:
        if depth >= MOST_DEPTH:
            raise self.error(f"nested more than {MOST_DEPTH} deep")
