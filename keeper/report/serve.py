"""One page for a browser on this machine: nothing else is served, and nobody else can reach it."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from keeper.errors import ConfigError

LOOPBACK = "127.0.0.1"
# Ours by address or by name, with any port: another site's name that was pointed here is turned away.
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
_SILENT_SECONDS = 10
# What the page says of itself goes on top of this; who may frame it, only a header can say.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def serve_page(page: Path, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C. ``announce`` is told its address; port 0 takes a free one.

    Raises:
        ConfigError: the port is in use or may not be used.
    """
    content = page.read_bytes()

    class OnePage(BaseHTTPRequestHandler):
        timeout = _SILENT_SECONDS  # whoever says nothing keeps no thread

        def do_GET(self) -> None:
            hosts = self.headers.get_all("Host", [])
            if len(hosts) != 1 or _OWN_HOST.fullmatch(hosts[0].strip()) is None:
                self.send_error(421)
            elif self.path != "/":
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def end_headers(self) -> None:
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            super().end_headers()

        def version_string(self) -> str:
            return "keeper"  # which Python runs here is nobody's business

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
