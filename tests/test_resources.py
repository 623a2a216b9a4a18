"""ABIs and strategy templates are found in a checkout, an editable install and an installed wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from keeper import resources
from keeper.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED = ("keeper", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
ASK = """
import json
from keeper import resources
print(json.dumps([resources.__file__, resources.abi("Sample"), resources.strategy_template("sample"),
                  str(resources.strategies_dir)]))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads, with one ABI and one template of its own beside the real ones."""
    root = tmp_path_factory.mktemp("checkout")
    for name in SHIPPED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    for name in ("abis", "strategies"):
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, root / name)
        (root / name).mkdir(exist_ok=True)
    (root / "abis" / "Sample.json").write_text('[{"type": "function", "name": "slot0"}]', encoding="utf-8")
    (root / "strategies" / "sample.yaml").write_text("name: sample\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def wheels(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both kinds of wheel, each unpacked as an installer would."""
    folders = {}
    for kind in ("standard", "editable"):
        out = tmp_path_factory.mktemp(kind)
        build = (
            "import sys; from hatchling import build;"
            f"build.build_{'editable' if kind == 'editable' else 'wheel'}(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", build, str(out)], cwd=checkout, check=True, capture_output=True)
        site = out / "site"
        with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
            archive.extractall(site)
        folders[kind] = site
    return folders


def _answers(cwd: Path, prelude: str, *flags: str) -> list[object]:
    """The answers of a fresh interpreter that has neither site-packages nor PYTHONPATH."""
    command = [sys.executable, "-S", "-E", *flags, "-c", f"{prelude}\n{ASK}"]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    answers: list[object] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("layout", ["standard", "editable", "checkout"])
def test_found_in_every_layout(layout: str, wheels: dict[str, Path], checkout: Path, tmp_path: Path) -> None:
    if layout == "checkout":
        answers = _answers(checkout, "")
    else:  # as a site folder, so that an editable install's .pth counts; -P: nothing from the current folder
        answers = _answers(tmp_path, f"import site; site.addsitedir({str(wheels[layout])!r})", "-P")
    where, entries, text, folder = answers
    home = wheels["standard"] if layout == "standard" else checkout
    assert Path(str(where)).is_relative_to(home)
    assert Path(str(folder)).is_relative_to(home)
    assert entries == [{"type": "function", "name": "slot0"}]
    assert text == "name: sample\n"


def test_wheel_carries_every_data_file(wheels: dict[str, Path]) -> None:
    site = wheels["standard"]
    for source in (REPOSITORY / "keeper").rglob("*"):
        if source.is_file() and "__pycache__" not in source.parts:
            assert (site / source.relative_to(REPOSITORY)).is_file(), f"{source} is not in the wheel"
    for name in ("abis", "strategies"):
        for source in (REPOSITORY / name).glob("*"):
            assert (site / "keeper" / "_data" / name / source.name).is_file(), f"{source} is not in the wheel"
    top = {path.name for path in site.iterdir() if not path.name.endswith(".dist-info")}
    assert top == {"keeper"}


def test_editable_wheel_copies_nothing(wheels: dict[str, Path]) -> None:
    assert [path.name for path in wheels["editable"].rglob("*") if path.suffix in {".py", ".json", ".yaml"}] == []


def test_unknown_names_say_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Pool.json").write_text('{"abi": [{"type": "event"}]}', encoding="utf-8")
    monkeypatch.setattr(resources, "abis_dir", tmp_path)
    assert resources.abi("Pool") == [{"type": "event"}]
    for name in ("Pol", "../Pool", ""):
        with pytest.raises(ConfigError, match="known names: Pool"):
            resources.abi(name)
