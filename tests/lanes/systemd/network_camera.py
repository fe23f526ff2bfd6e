"""A network camera that needs only the standard library, for a system without other packages.

python3 network_camera.py PORT JPEG - Motion JPEG over HTTP; what it sees is in the file, which may be replaced.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAUSE = 0.05


class Camera(BaseHTTPRequestHandler):
    """Sends the scene repeatedly to every client."""

    scene: Path

    def do_GET(self) -> None:
        """Send frames until the client disconnects."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        tick = threading.Event()
        while not tick.wait(PAUSE):
            jpeg = self.scene.read_bytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return


if __name__ == "__main__":
    Camera.scene = Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Camera).serve_forever()
