"""Contracts that a treasury's money may pass through: where they stand, and the code that must be there.

The addresses are the same on every chain where they are deployed, because CREATE2 derives them from the creation
code. Sources: safe-global/safe-deployments (``src/assets/v1.4.1/*.json``: addresses and code hashes) and
eth-infinitism/account-abstraction (v0.8.0, ``deploy/3_deploy_Simple7702Account.ts``). ``tests/chainlab`` deploys the
published creation code through the same factories and holds every line here to what then stands on the chain.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownContract:
    """A contract's checksum address and the keccak-256 of its runtime code, hex without ``0x``."""

    address: str
    code_hash: str


@dataclass(frozen=True, slots=True)
class SafeRelease:
    """One release of Safe. A Safe is a proxy (``proxy_code_hash``) in front of ``singleton`` or ``singleton_l2``."""

    singleton: KnownContract
    singleton_l2: KnownContract
    proxy_factory: KnownContract
    fallback_handler: KnownContract
    multi_send_call_only: KnownContract
    proxy_code_hash: str


SINGLETON_FACTORY = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"
"""Safe's CREATE2 factory; its releases are deployed with salt 0."""

DETERMINISTIC_DEPLOYER = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
"""The same program, deployed without a chain id; the batch account is deployed with salt 0."""

SAFE_RELEASES: dict[str, SafeRelease] = {
    "1.4.1": SafeRelease(
        singleton=KnownContract(
            "0x41675C099F32341bf84BFc5382aF534df5C7461a",
            "1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4",
        ),
        singleton_l2=KnownContract(
            "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762",
            "b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff",
        ),
        proxy_factory=KnownContract(
            "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67",
            "50c3cdc4074750a7a974204a716c999edd37482f907608d960b2b025ee0b3317",
        ),
        fallback_handler=KnownContract(
            "0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99",
            "7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9",
        ),
        multi_send_call_only=KnownContract(
            "0x9641d764fc13c8B624c04430C7356C1C7C8102e2",
            "ecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939",
        ),
        proxy_code_hash="d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",
    ),
}

BATCH_ACCOUNT = KnownContract(
    "0xe6Cae83BdE06E4c305530e199D7217f42808555B",
    "cc7b633aef4b2543cb8f37522adf1a401f910f0f6b2430c1eecc11f401ccfcf3",
)
"""``Simple7702Account`` of account-abstraction 0.8: what an EOA delegates to so that it can act in one transaction."""
