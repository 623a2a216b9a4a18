from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from keeper.chainlab import install as installer
from keeper.chainlab.artifacts import anvil_binary, chainlab_home, load_artifact, load_own_artifact, multicall3_code
from keeper.errors import ConfigError

_POOL = "@uniswap/v3-core/artifacts/contracts/UniswapV3Pool.sol/UniswapV3Pool.json"


@pytest.fixture
def copied_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is installed here, linked under another home with a stamp that no longer fits."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "installed.json").write_text('{"digest": "of another version"}', encoding="utf-8")
    monkeypatch.setenv("KEEPER_CHAINLAB", str(home))
    return home


def _fake_programs(folder: Path, **scripts: str) -> str:
    for name, text in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    return f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"


def test_what_is_installed_is_what_was_pinned() -> None:
    assert installer.is_installed()
    assert installer.install() is False
    assert os.access(anvil_binary(), os.X_OK)
    assert keccak(multicall3_code()).hex() == installer.MULTICALL3_CODE_HASH
    for name in installer.CONTRACTS:
        assert len(load_own_artifact(name).bytecode) > 500
    # the hash Uniswap's periphery computes pool addresses with
    init_code_hash = keccak(load_artifact(_POOL).bytecode).hex()
    assert init_code_hash == "e34f199b19b2b4f47f68442619d555527d244f78a3297ea89325f843f87b8b54"


def test_the_lock_file_has_hashes_and_names_no_host() -> None:
    folder = Path(installer.__file__).parent / "npm"
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: item for name, item in lock["packages"].items() if name}
    assert len(packages) > 20
    assert all(item["integrity"].startswith("sha512-") and "resolved" not in item for item in packages.values())
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    pinned = {**wanted["dependencies"], **wanted["optionalDependencies"]}
    assert all(packages[f"node_modules/{name}"]["version"] == version for name, version in pinned.items())
    # only compiled contracts are read: neither Safe's ethers nor a second OpenZeppelin comes along
    assert not [name for name in packages if "ethers" in name or name.count("node_modules/") > 1]
    for requirements in folder.glob("requirements-*.txt"):
        text = requirements.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text and not re.search(r"https?:|index-url", text)


def test_a_failed_npm_leaves_the_old_install_and_nothing_else(
    copied_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    refuse = (
        "mkdir node_modules; echo 'npm error code ENOTFOUND' >&2; echo 'npm error no route to registry' >&2; exit 1"
    )
    monkeypatch.setenv("PATH", _fake_programs(programs, npm=refuse, node="exit 0"))
    with pytest.raises(ConfigError, match=r"npm ci .* failed: code ENOTFOUND \| no route to registry"):
        installer.install()
    assert [item.name for item in copied_home.iterdir()] == ["installed.json"]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bin", "home"]


def test_no_npm_and_no_pip_is_one_sentence(copied_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr("keeper.chainlab.install.sysconfig.get_path", lambda _name: str(empty))
    broken = Path(_fake_programs(empty, python="echo 'No module named pip' >&2; exit 1").split(os.pathsep)[0])
    monkeypatch.setattr("keeper.chainlab.install.sys.executable", str(broken / "python"))
    with pytest.raises(ConfigError, match=r"npm is not on PATH, .*needs pip"):
        installer.install()
    assert not installer.is_installed(copied_home)


def test_multicall_code_that_is_not_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'MULTICALL3_BYTECODE: Final = HexStr("0x6001")'
    assert installer._constant_hex(source, "MULTICALL3_BYTECODE") == b"\x60\x01"
    with pytest.raises(ConfigError, match="no longer defines"):
        installer._constant_hex("OTHER: Final = 1", "MULTICALL3_BYTECODE")

    def other_wheel(*arguments: str, **_: str) -> None:
        folder = Path(arguments[arguments.index("-d") + 1])
        with zipfile.ZipFile(folder / "multicall-0-py3-none-any.whl", "w") as archive:
            archive.writestr("multicall/constants.py", source)

    monkeypatch.setattr(installer, "_pip", other_wheel)
    with pytest.raises(ConfigError, match=r"hashes to .*nothing was installed"):
        installer._fetch_multicall3()


def test_our_contracts_compile_to_what_is_installed(tmp_path: Path) -> None:
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert node is not None
    (tmp_path / "node_modules").symlink_to(chainlab_home() / "node_modules")
    installer._compile_contracts(tmp_path, node)
    for name in installer.CONTRACTS:
        assert (tmp_path / f"{name}.json").read_bytes() == (chainlab_home() / f"{name}.json").read_bytes()


def test_a_newer_version_replaces_an_older_install(
    copied_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (copied_home / "from_before").write_text("old", encoding="utf-8")
    stale = tmp_path / "home.partial-abandoned"
    stale.mkdir()
    os.utime(stale, (1, 1))
    monkeypatch.setattr(installer, "_install_npm_packages", lambda _folder: "node")
    monkeypatch.setattr(installer, "_fetch_multicall3", lambda: b"\x01")
    monkeypatch.setattr(installer, "_compile_contracts", lambda _folder, _node: None)
    assert installer.install() is True
    assert sorted(item.name for item in copied_home.iterdir()) == ["installed.json", "multicall3.hex"]
    assert installer.is_installed(copied_home)
    assert installer.install() is False
    assert [item.name for item in tmp_path.iterdir()] == ["home"]
    assert stat.S_IMODE(copied_home.stat().st_mode) == 0o755


def test_a_missing_or_torn_artifact_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPER_CHAINLAB", str(tmp_path / "nowhere"))
    for load in (lambda: load_artifact(_POOL), lambda: load_own_artifact("Token"), multicall3_code):
        with pytest.raises(ConfigError, match="make setup"):
            load()
    monkeypatch.setenv("KEEPER_CHAINLAB", str(tmp_path))
    (tmp_path / "Token.json").write_text('{"abi": []', encoding="utf-8")
    (tmp_path / "multicall3.hex").write_text("zz", encoding="ascii")
    for load in (lambda: load_own_artifact("Token"), multicall3_code):
        with pytest.raises(ConfigError, match="unreadable"):
            load()


def test_the_command_says_what_it_did() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "keeper.chainlab.install"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "already installed" in done.stdout and str(chainlab_home()) in done.stdout
