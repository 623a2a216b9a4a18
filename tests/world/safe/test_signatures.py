"""Which confirmations count: the same answers as the real contract's ``checkSignatures``."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from keeper.chainlab.calls import call_data
from keeper.errors import RpcError
from keeper.world.chain import codec
from keeper.world.safe.calldata import packed_signatures
from keeper.world.safe.hashing import safe_tx_hash, signing_preimage
from keeper.world.safe.signatures import CURVE_ORDER, Confirmation, approver, count, recover_owner
from tests.safe.treasury import Treasury, key, sign

DIGEST = bytes(range(32))
OWNERS = tuple(key(f"owner {number}") for number in range(3))
NAMES = tuple(each.address.lower() for each in OWNERS)
STRANGER = key("stranger")


def _by_eth_sign(number: int, digest: bytes = DIGEST) -> bytes:
    raw = bytes(Account.sign_message(encode_defunct(digest), OWNERS[number].key).signature)
    return raw[:64] + bytes([raw[64] + 4])


def _high_s(signature: bytes) -> bytes:
    flipped = CURVE_ORDER - codec.unsigned(signature, 1)
    return signature[:32] + codec.word(flipped) + bytes([55 - signature[64]])


def test_both_kinds_of_signatures_name_their_owner() -> None:
    for number, name in enumerate(NAMES):
        assert recover_owner(DIGEST, sign(OWNERS[number], DIGEST)) == name
        assert recover_owner(DIGEST, _by_eth_sign(number)) == name


GOOD = sign(OWNERS[0], DIGEST)
BAD = {
    "64 bytes": (GOOD[:64], "64 bytes"),
    "66 bytes": (GOOD + b"\0", "66 bytes"),
    "v 0": (GOOD[:64] + b"\0", "of a contract"),
    "v 1": (GOOD[:64] + b"\x01", "approved on chain"),
    "v 2": (GOOD[:64] + b"\x02", "its v is 2"),
    "v 29": (GOOD[:64] + b"\x1d", "its v is 29"),
    "v 30": (GOOD[:64] + b"\x1e", "its v is 30"),
    "v 33": (GOOD[:64] + b"\x21", "its v is 33"),
    "high s": (_high_s(GOOD), "out of range"),
    "r zero": (bytes(32) + GOOD[32:], "out of range"),
    "s zero": (GOOD[:32] + bytes(32) + GOOD[64:], "out of range"),
    "r too large": (codec.word(CURVE_ORDER) + GOOD[32:], "out of range"),
    "r of no point": (codec.word(5) + GOOD[32:], "belongs to no key"),
}


@pytest.mark.parametrize(("signature", "why"), BAD.values(), ids=BAD)
def test_what_is_no_signature(signature: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        recover_owner(DIGEST, signature)


def _count(*confirmations: tuple[str, bytes], approved: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    found = count(DIGEST, [Confirmation(*each) for each in confirmations], [each.address for each in OWNERS], approved)
    return sorted(found.signatures), dict(found.refused)


def test_who_counts_and_who_does_not_and_why() -> None:
    first, second, third = NAMES
    counted, refused = _count(
        (OWNERS[0].address, GOOD),
        (second, sign(STRANGER, DIGEST)),
        (third, sign(OWNERS[2], b"\x07" * 32)),
        (STRANGER.address, sign(STRANGER, DIGEST)),
    )
    assert counted == [first]
    assert refused[STRANGER.address.lower()] == "is not an owner of the Safe now"
    assert "of another transaction" in refused[second]
    assert "of another transaction" in refused[third]


def test_one_owner_twice_is_one_owner() -> None:
    assert _count((NAMES[0], GOOD), (NAMES[0], _by_eth_sign(0))) == ([NAMES[0]], {})


def test_an_owners_signature_under_another_owners_name_is_not_his() -> None:
    counted, refused = _count((NAMES[1], GOOD))
    assert (counted, list(refused)) == ([], [NAMES[1]])


def test_approvals_count_when_the_chain_knows_them() -> None:
    form = packed_signatures({NAMES[1]: None})
    assert approver(form) == NAMES[1]
    assert approver(GOOD) is None
    assert _count((NAMES[1], form)) == ([], {NAMES[1]: "has not approved the hash on chain"})
    assert _count((NAMES[1], form), approved=(OWNERS[1].address,)) == ([NAMES[1]], {})
    assert _count(approved=(OWNERS[1].address, STRANGER.address)) == ([NAMES[1]], {})
    assert _count((NAMES[0], form), approved=(NAMES[1],))[1] == {NAMES[0]: f"the approval is of {NAMES[1]}"}


def test_signatures_go_in_the_order_of_the_owners() -> None:
    found = count(
        DIGEST, [Confirmation(name, sign(each, DIGEST)) for each, name in zip(OWNERS, NAMES, strict=True)], NAMES
    )
    ordered = sorted(NAMES, key=lambda each: int(each, 16))
    assert list(found.owners) == ordered
    packed = packed_signatures(found.signatures)
    assert [recover_owner(DIGEST, packed[at : at + 65]) for at in (0, 65, 130)] == ordered
    with pytest.raises(ValueError, match="64 bytes, not 65"):
        packed_signatures({NAMES[0]: GOOD[:64]})


FORMS = {
    "two owners": (lambda d: {0: sign(OWNERS[0], d), 1: sign(OWNERS[1], d)}, True),
    "eth_sign": (lambda d: {0: _by_eth_sign(0, d), 2: sign(OWNERS[2], d)}, True),
    "another hash": (lambda d: {0: sign(OWNERS[0], d), 1: sign(OWNERS[1], DIGEST)}, False),
    "a stranger": (lambda d: {0: sign(OWNERS[0], d), 1: sign(STRANGER, d)}, False),
    "no approval": (lambda d: {0: sign(OWNERS[0], d), 1: packed_signatures({NAMES[1]: None})}, False),
}


@pytest.mark.parametrize(("form", "good"), FORMS.values(), ids=FORMS)
def test_the_contract_counts_the_same(treasury: Treasury, form, good: bool) -> None:  # type: ignore[no-untyped-def]
    tx = treasury.payment(0)
    digest = safe_tx_hash(tx)
    made: dict[int, bytes] = form(digest)
    ours = count(digest, [Confirmation(NAMES[number], raw) for number, raw in made.items()], NAMES)
    assert (len(ours.signatures) == 2) is good
    packed = packed_signatures({NAMES[number]: raw for number, raw in made.items()})
    asked = call_data("checkSignatures(bytes32,bytes,bytes)", digest, signing_preimage(tx), packed)
    call = {"to": treasury.safe, "data": asked}
    if good:
        assert treasury.anvil.rpc("eth_call", call, "latest") == "0x"
    else:
        with pytest.raises(RpcError):
            treasury.anvil.rpc("eth_call", call, "latest")
