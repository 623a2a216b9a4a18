"""Whether a pool's tokens may be worked with: tried out before anything is made, unless the operator allows them."""

from __future__ import annotations

from collections.abc import Sequence

from keeper.errors import ConfigError
from keeper.redaction import printable
from keeper.world.chain.simulation import Simulator
from keeper.world.v3.identity import PoolIdentity
from keeper.world.v3.token_check import TokenVerdict, examine_token


def require_plain_tokens(simulator: Simulator, pool: PoolIdentity, owner: str, allowed: Sequence[str]) -> None:
    """ConfigError when a token is not plain, or cannot be tried, and is not among the ``allowed`` addresses.

    Raises:
        TransientError: the node did not answer.
    """
    taken = {address.lower() for address in allowed}
    tokens = [token for token in (pool.token0, pool.token1) if token.address.lower() not in taken]
    for token in tokens:
        verdict = examine_token(simulator, token.address, (pool.address, owner))
        if verdict.state != "plain":
            raise ConfigError(
                f"the token {printable(token.symbol)} {token.address} {sentence(verdict)}. Choose another pool; or, "
                f'if you know better, write allow_tokens: ["{token.address}"], and what it costs is yours'
            )


def sentence(verdict: TokenVerdict) -> str:
    """The verdict's second half of a sentence, after the token's name."""
    reasons = printable("; ".join(verdict.reasons))
    if verdict.state == "plain":
        return "is plain"
    return f"is refused: {reasons}" if verdict.state == "refused" else f"cannot be checked: {reasons}"
