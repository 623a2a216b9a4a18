"""The errors of Range Keeper and the one place each is handled.

KeeperError
├── ConfigError        the operator can mend it: a file, a line, a remedy        -> exit 2
│   └── ServiceRefusedError    the Safe Transaction Service will not have what it was given
├── TransientError     something outside did not answer; retried within bounds   -> exit 3
│   ├── RpcError       a node answered with an error or nonsense
│   ├── RehearsalFailedError   a transaction would revert, or not do what it is for: it is not signed
│   └── SigningLimitError      a limit on spending is reached: it is not signed now
└── FatalError         signing must stop until a person has looked              -> exit 4
    ├── HaltedError    a strategy (or the signer) is halted
    └── SigningRefusedError    the signing policy let a transaction not pass

Anything else is a defect in Range Keeper and exits with 1.
"""

from __future__ import annotations


class KeeperError(Exception):
    """Base of every error raised on purpose; ``str(error)`` is one sentence fit for a person."""

    exit_code = 1


class ConfigError(KeeperError):
    """A mistake in configuration or usage. Names the file and line where there is one, and the remedy."""

    exit_code = 2

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        self.path = path
        self.line = line
        where = "" if path is None else f"{path}:{line}: " if line is not None else f"{path}: "
        super().__init__(where + message)


class ServiceRefusedError(ConfigError):
    """The Safe Transaction Service refused: a wrong key, an unknown Safe, a sender who is no owner or delegate, or a
    transaction that it holds for wrong or done. ``status`` is HTTP's; the sentence holds the service's own words."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)


class TransientError(KeeperError):
    """Something outside could not be reached or timed out; safe to try again later."""

    exit_code = 3


class RpcError(TransientError):
    """A JSON-RPC node answered with an error object. ``code`` and ``data`` are the node's own."""

    def __init__(self, message: str, *, code: int | None = None, data: str | None = None) -> None:
        self.code = code
        self.data = data
        super().__init__(message)


class RehearsalFailedError(TransientError):
    """A transaction that was tried on the newest state would revert, or do something else than its step says."""


class SigningLimitError(TransientError):
    """The signing policy let a transaction not pass because it would cost more than the operator allows, alone or with
    what was spent lately: nothing was signed, and nothing is wrong but the price or the time."""


class FatalError(KeeperError):
    """Continuing could lose money. Nothing more is signed until an operator resumes."""

    exit_code = 4


class HaltedError(FatalError):
    """The strategy or signer is halted; says why and how to resume."""


class SigningRefusedError(FatalError):
    """The signing policy refused a transaction: something is wrong with the keeper, its machine or its journal."""
