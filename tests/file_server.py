"""A web server on loopback that serves one file, and can be set to misbehave as real ones do."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class FileServer:
    """Serves `content` at every path, as the attributes say, until it is closed.

    `status` is sent instead of the content if it is not 200, `cut_after` closes the connection after so many bytes,
    and `redirects` maps paths to addresses. `requests` holds the headers of each request.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.status = 200
        self.cut_after: int | None = None
        self.sends_length = True
        self.redirects: dict[str, str] = {}
        self.requests: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/weights.h5"

    def __enter__(self) -> FileServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving. Closing twice is safe."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files._answer(self)

            def log_message(self, *_: object) -> None:
                """Keep stderr for the command under test."""

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(request.headers))
        if request.path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[request.path])
            request.end_headers()
            return
        request.send_response(self.status)
        if self.sends_length:
            request.send_header("Content-Length", str(len(self.content) if self.status == 200 else 0))
        request.end_headers()
        if self.status == 200:
            request.wfile.write(self.content[: self.cut_after])
