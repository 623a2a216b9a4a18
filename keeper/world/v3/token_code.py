"""What can be read off a token's code: functions that say how it behaves. A contract's code is a list of comparisons
of the call's selector with the ones that it knows, and that list is what is looked through."""

from __future__ import annotations

import re
from typing import Final

# Functions that change every holder's balance at once, by their selectors (the first four bytes of keccak-256).
REBASES: Final[dict[str, bytes]] = {
    signature: bytes.fromhex(selector)
    for signature, selector in {
        "rebase()": "af14052c",
        "rebase(uint256)": "bc4f2d6d",
        "rebase(int256)": "0ab114f9",
        "rebase(uint256,int256)": "7a43e23f",
        "rebase(uint256,uint256)": "058ecdb4",
        "rebaseOptIn()": "f51b0fd4",
        "rebaseOptOut()": "c2376dff",
    }.items()
}

# Getters that only tokens have whose balances are computed from something else than what was transferred: shares of a
# pot (stETH), an index (Aave), credits (OUSD), gons (sOHM), streams (Superfluid), reflections. They are called, with
# two words of arguments, which every one of them takes; a token that answers has them.
COMPUTED_BALANCES: Final[dict[str, bytes]] = {
    signature: bytes.fromhex(selector)
    for signature, selector in {
        "sharesOf(address)": "f5eb42dc",
        "getPooledEthByShares(uint256)": "7a28fb88",
        "getTokensByShares(uint256)": "5290a4fa",
        "scaledBalanceOf(address)": "1da24f3e",
        "rebasingCreditsPerToken()": "6691cb3d",
        "creditsBalanceOf(address)": "f9854bfc",
        "gonsForBalance(uint256)": "1bd39674",
        "realtimeBalanceOf(address,uint256)": "eb3537cc",
        "reflectionFromToken(uint256,bool)": "4549b039",
        "tokenFromReflection(uint256)": "2d838119",
    }.items()
}

# What an issuer can do to a holder. Widely used tokens have these; they are told, not refused.
ISSUER_POWERS: Final[dict[str, bytes]] = {
    signature: bytes.fromhex(selector)
    for signature, selector in {
        "pause()": "8456cb59",
        "paused()": "5c975abb",
        "blacklist(address)": "f9f92be4",
        "isBlacklisted(address)": "fe575a87",
        "isBlackListed(address)": "e47d6060",
        "addBlackList(address)": "0ecb93c0",
        "freeze(address)": "8d1fdf2f",
        "isFrozen(address)": "e5839836",
    }.items()
}

_MINIMAL_PROXY: Final = re.compile(rb"\x36\x3d\x3d\x37\x3d\x3d\x3d\x36\x3d\x73(.{20})\x5a\xf4", re.DOTALL)


def compared_with(code: bytes, known: dict[str, bytes]) -> tuple[str, ...]:
    """Those functions whose selector the code compares the call's with: PUSH4 selector, then EQ, perhaps after a DUP
    or SWAP. (A selector that the code only *calls* elsewhere is pushed too, but not compared.)"""
    return tuple(
        signature
        for signature, selector in known.items()
        if re.search(b"\x63" + re.escape(selector) + rb"[\x80-\x9f]?\x14", code, re.DOTALL)
    )


def minimal_proxy_target(code: bytes) -> str | None:
    """The address that a minimal proxy (EIP-1167) leads to; None for any other code."""
    found = _MINIMAL_PROXY.search(code)
    return None if found is None else "0x" + found[1].hex()
