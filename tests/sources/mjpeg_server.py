"""A network camera on loopback: Motion JPEG over HTTP."""

from __future__ import annotations

import base64
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import encode_jpeg


class MjpegServer:
    """Sends `frames` repeatedly, as fast as they are read, until `die`, or only `stalls_after` of them.

    If there is a `password`, only "user" with that password gets them.
    """

    def __init__(
        self, frames: list[Frame], *, stalls_after: int | None = None, password: str | None = None, port: int = 0
    ) -> None:
        self._parts = [encode_jpeg(frame) for frame in frames]
        self._stalls_after = stalls_after
        self._authorization = password and "Basic " + base64.b64encode(f"user:{password}".encode()).decode()
        self._dead = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address of the stream."""
        return f"http://127.0.0.1:{self.port}/stream.mjpg"

    def __enter__(self) -> MjpegServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()

    def die(self) -> None:
        """Close all connections and stop listening."""
        self._dead.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    camera._send(self)
                except OSError:
                    """The client has closed the connection."""

            def log_message(self, *_: object) -> None:
                """Write no log: stderr belongs to the code under test."""

        return Handler

    def _send(self, request: BaseHTTPRequestHandler) -> None:
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="camera"')
            request.end_headers()
            return
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.end_headers()
        sent = 0
        while not self._dead.is_set():
            if sent == self._stalls_after:
                self._dead.wait()
                return
            part = self._parts[sent % len(self._parts)]
            request.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n")
            request.wfile.write(b"Content-Length: %d\r\n\r\n%s\r\n" % (len(part), part))
            sent += 1
