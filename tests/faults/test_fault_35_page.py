"""Row 35: what is served today is one finished page, to this machine, under its own name, and nothing else."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = "<!doctype html><title>report</title><p>held</p>"
SECRET = "canary0123456789canary"
PROGRAM = """
import signal
import sys
from pathlib import Path
from keeper.report.serve import serve_page
# A shell that runs the tests in the background leaves its children deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
serve_page(Path(sys.argv[1]), 0, lambda address: print(address, flush=True))
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "report.html").write_text(PAGE)
    (folder / "key.json").write_text(SECRET)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder / "report.html")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        yield int(address.rstrip("/").rpartition(":")[2])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 0 and "Traceback" not in err, err


def ask(port: int, raw: str, address: str = "127.0.0.1") -> tuple[int, dict[str, str], str]:
    """Exactly these bytes; status, headers and body of the answer."""
    with socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(raw.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), headers, body


def get(port: int, path: str = "/", *hosts: str) -> tuple[int, dict[str, str], str]:
    lines = "".join(f"Host: {host}\r\n" for host in hosts or (f"127.0.0.1:{port}",))
    return ask(port, f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "127.0.0.1"])
def test_35_the_page_under_its_own_name(port: int, host: str) -> None:
    status, _, body = get(port, "/", host.format(port=port))
    assert status == 200 and body == PAGE


@pytest.mark.parametrize(
    "hosts",
    [
        ("evil.example",), ("evil.example:80",), ("127.0.0.1.evil.example",), ("evil.example:127.0.0.1",), ("",),
        ("localhost.evil.example:80",), ("evil.example@127.0.0.1",), ("127.0.0.1:80", "evil.example"), ("[::1]:80",),
        ("0.0.0.0",), ("127.0.0.1:",), ("127.0.0.1:80x",),
    ],
)  # fmt: skip
def test_35_another_name_that_points_here_gets_nothing(port: int, hosts: tuple[str, ...]) -> None:
    """DNS rebinding: a stranger's page in the browser reaches this port, but under the stranger's name."""
    status, headers, body = get(port, "/", *hosts)
    assert status == 421 and PAGE not in body and "access-control-allow-origin" not in headers


def test_35_without_a_name_there_is_nothing(port: int) -> None:
    status, _, body = ask(port, "GET / HTTP/1.0\r\n\r\n")
    assert status == 421 and PAGE not in body


@pytest.mark.parametrize(
    "path",
    [
        "/key.json", "/report.html", "/../key.json", "/%2e%2e/key.json", "/..%2fkey.json", "//key.json", "/./key.json",
        "/?key.json", "/\\..\\key.json", "/%00", "http://127.0.0.1/key.json", "file:///etc/passwd", "/etc/passwd", "*",
        "/<script>alert(1)</script>",
    ],
)  # fmt: skip
def test_35_no_path_leads_to_a_file(port: int, path: str) -> None:
    status, _, body = get(port, path)
    assert status == 404
    assert SECRET not in body and "root:" not in body and "<script>" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
def test_35_nothing_can_be_asked_for_but_the_page(port: int, method: str) -> None:
    host = f"Host: 127.0.0.1:{port}\r\nOrigin: https://evil.example\r\nContent-Length: 0\r\n\r\n"
    status, headers, body = ask(port, f"{method} / HTTP/1.1\r\n{host}")
    assert status == 501 and PAGE not in body
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(("path", "status"), [("/", 200), ("/nothing", 404)])
def test_35_every_answer_carries_the_security_headers(port: int, path: str, status: int) -> None:
    found, headers, _ = get(port, path)
    assert found == status
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"):
        assert part in policy
    assert "http" not in policy, "nothing is loaded from anywhere"
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer" and headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "python" not in headers["server"].lower()


def test_35_only_this_machine_reaches_it(port: int) -> None:
    """The kernel's own list says what it listens on; another address of this machine is refused."""
    wanted = f":{port:04X}"
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {fields[1] for fields in sockets if fields[1].endswith(wanted) and fields[3] == "0A"}
    assert listening == {f"0100007F{wanted}"}
    assert not [line for line in Path("/proc/net/tcp6").read_text().splitlines() if f"{wanted} " in line.split("  ")[0]]
    with pytest.raises(ConnectionRefusedError):
        ask(port, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "127.0.0.2")
