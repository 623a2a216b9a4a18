"""The treasury of ``tests/safe``."""

from __future__ import annotations

from tests.safe.conftest import session_treasury, treasury

__all__ = ["session_treasury", "treasury"]
