"""A web server on loopback that gives one file, and can be told to behave as badly as real ones do."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class FileServer:
    """Serves `content` at every path, with ranges, an ETag and what else the attributes say, until it is closed.

    `asked` holds the headers of each request, `sent` how many bytes of content each got.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = '"one"'
        self.headers: dict[str, str] = {}
        self.ranges = True
        self.status = 200
        self.cut_after: int | None = None
        self.tells_length = True
        self.misplaces_by = 0
        self.redirects: dict[str, str] = {}
        self.asked: list[dict[str, str]] = []
        self.sent: list[int] = []
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
        self.asked.append(dict(request.headers))
        if request.path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[request.path])
            request.end_headers()
            return
        start = self._start(request)
        if self.status != 200 or start > len(self.content) or (start and start == len(self.content)):
            request.send_response(416 if self.status == 200 else self.status)
            request.send_header("Content-Range", f"bytes */{len(self.content)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            first = start + self.misplaces_by
            request.send_header("Content-Range", f"bytes {first}-{len(self.content) - 1}/{len(self.content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        for name, value in self.headers.items():
            request.send_header(name, value)
        if self.tells_length:
            request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        body = self.content[start : self.cut_after]
        request.wfile.write(body)
        self.sent.append(len(body))

    def _start(self, request: BaseHTTPRequestHandler) -> int:
        asked = request.headers.get("Range", "")
        versions = (self.etag, self.headers.get("Last-Modified"))
        if not asked or not self.ranges or request.headers.get("If-Range") not in versions:
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))
