"""An in-process py-evm chain behind the same ``rpc(method, *params)`` as anvil, for small tests without any binary."""

from __future__ import annotations

from typing import Any

from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]
from eth_tester.exceptions import TransactionFailed  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address

from keeper.chainlab.jsonrpc import Rpc
from keeper.errors import RpcError

BLOCK_GAS_LIMIT = 40_000_000
FEE_CAP_WEI = 10**11


def eth_tester_rpc() -> Rpc:
    """A new chain that mines every transaction at once; speaks the dozen methods that deployment and tests need."""
    genesis = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_GAS_LIMIT})
    tester = EthereumTester(PyEVMBackend(genesis_parameters=genesis))

    def transaction(raw: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "from": to_checksum_address(raw.get("from", tester.get_accounts()[0])),
            "data": raw.get("data", "0x"),
            "gas": int(raw["gas"], 16) if "gas" in raw else BLOCK_GAS_LIMIT // 2,
            "value": int(raw.get("value", "0x0"), 16),
        }
        if "to" in raw:
            fields["to"] = to_checksum_address(raw["to"])
        return fields

    def send(raw: dict[str, Any]) -> str:
        capped = {**transaction(raw), "max_fee_per_gas": FEE_CAP_WEI, "max_priority_fee_per_gas": 1}
        return str(tester.send_transaction(capped))

    def receipt(digest: str) -> dict[str, Any]:
        found = tester.get_transaction_receipt(digest)
        return {"status": hex(found["status"]), "contractAddress": found["contract_address"], "logs": found["logs"]}

    methods: dict[str, Any] = {
        "eth_accounts": lambda: list(tester.get_accounts()),
        "eth_chainId": lambda: hex(tester.backend.chain.chain_id),
        "eth_call": lambda raw, _block: tester.call(transaction(raw)),
        "eth_sendTransaction": send,
        "eth_getTransactionReceipt": receipt,
        "eth_getCode": lambda address, _block: tester.get_code(to_checksum_address(address)),
        "evm_mine": lambda: tester.mine_block(),
    }

    def rpc(method: str, /, *params: Any) -> Any:
        if method not in methods:
            raise RpcError(f"{method}: not known here", code=-32601)
        try:
            return methods[method](*params)
        except TransactionFailed as error:
            raise RpcError(f"{method}: {error}", code=3) from error

    return rpc
