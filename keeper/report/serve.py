"""One page for a browser on this machine: nothing else is served, and nobody else can reach it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keeper.errors import ConfigError

LOOPBACK = "127.0.0.1"


def serve_page(page: Path, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C. ``announce`` is told its address; port 0 takes a free one.

    Raises:
        ConfigError: the port is in use or may not be used.
    """
    content = page.read_bytes()

    class OnePage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = (self.headers.get("Host") or "").rpartition(":")[0]
            if host not in (LOOPBACK, "localhost"):  # another site's name that was pointed here
                self.send_error(421)
            elif self.path != "/":
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Content-Type-Options", "nosniff")
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer((LOOPBACK, port), OnePage)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ConfigError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from error
    with server:
        announce(f"http://{LOOPBACK}:{server.server_address[1]}/")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
