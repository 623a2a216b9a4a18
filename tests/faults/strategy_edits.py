"""What may become of a strategy's file while somebody edits it: nonsense, halves, garbage, bombs, and good ones."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

NUMBERS = ("max_quote", "lower_pct", "hurdle", "max_slippage_bps", "max_twap_deviation_ticks", "cooldown_minutes")
NONSENSE = [
    ".nan", "NaN", "nan", ".inf", "-.inf", "1e999", "-1", "-0.0001", "true", "yes", "[1]", "{a: 1}", "ten", "30bps",
    "0.3%", "5 min", "1_000_000_000_000_000", "9" * 5_000, "0x1f4", "!!int 3x", "!!python/object/apply:os.system ['x']",
    "*nothing", "1;2", "${NOT_SET}", "\u202e5", "1e400", "--5", "1,5",
]  # fmt: skip
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n"
    for n in range(1, 12)
)
LINK = "[" * 90, "]" * 90
CHAIN_OF_ALIASES = f"a0: &a0 {LINK[0]}x{LINK[1]}\n" + "".join(
    f"a{n}: &a{n} {LINK[0]}*a{n - 1} {LINK[1]}\n" for n in range(1, 12)
)
DEEP_BLOCKS = "".join(f"{' ' * n}a:\n" for n in range(340))


def nonsense(text: str, numbers: random.Random) -> str:
    """One number of the file replaced by something that is none that is allowed there."""
    key, value = numbers.choice(NUMBERS), numbers.choice(NONSENSE)
    if key == "max_quote" and value == "1_000_000_000_000_000":
        value = "0"  # a budget may be any size
    return re.sub(rf"^(\s*{key}:).*$", lambda match: f"{match.group(1)} {value}", text, flags=re.MULTILINE)


def unknown_key(text: str, numbers: random.Random) -> str:
    lines = text.splitlines()
    at = numbers.choice([number for number, line in enumerate(lines) if line.startswith("  ")])
    lines.insert(at, f"  {numbers.choice(['max_slipage_bps', 'slippage', 'unlimited', 'pool_'])}: 1")
    return "\n".join(lines) + "\n"


def wrong_unit(text: str, numbers: random.Random) -> str:
    return re.sub(r"fee: \d+", f"fee: {numbers.choice(['0.05', '5', '0.3%', '1_000_000', '-500'])}", text)


def garbage(text: str, numbers: random.Random) -> bytes:  # noqa: ARG001
    return numbers.choice([b"\xff\xfe", b"\x00", b"\x80abc", b"\xc3("]) + numbers.randbytes(numbers.randint(1, 3_000))


BAD: tuple[Callable[[str, random.Random], str | bytes], ...] = (nonsense, nonsense, unknown_key, wrong_unit, garbage)


def half_written(text: str, numbers: random.Random) -> str:
    return text[: numbers.randrange(len(text))]


def good(text: str, numbers: random.Random) -> str:
    return text.replace("cooldown_minutes: 60", f"cooldown_minutes: {numbers.randint(1, 9_999)}")
