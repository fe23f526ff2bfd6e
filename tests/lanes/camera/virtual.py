"""The real Picamera2 on libcamera's virtual camera, which shows photos from a folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PIL import Image

from edge_cls.images.preprocess import Frame

CAMERA = "Frames"
"""libcamera's name of the camera that shows photos."""
PHOTOS = Path("/opt/frames")
"""The folder of the photos: 000.jpg, 001.jpg, ..."""
SIZE = (640, 480)
FEWEST = 5
"""Number of photos below which the virtual camera hangs."""


def show(photos: list[Frame]) -> None:
    """Make the virtual camera show `photos`, 480 x 640, one in each frame.

    They are shown by the next camera that is opened while this process has no other one open.
    """
    assert len(photos) >= FEWEST
    for old in PHOTOS.glob("*.jpg"):
        old.unlink()
    for index, photo in enumerate(photos):
        Image.fromarray(photo).save(PHOTOS / f"{index:03d}.jpg", quality=95)


def picamera2_library() -> Any:
    """Return a replacement of the module for Picamera2Source: a virtual camera has neither raw modes nor DMA."""
    import libcamera
    import picamera2
    from picamera2.allocators import LibcameraAllocator

    class VirtualPicamera2(picamera2.Picamera2):  # type: ignore[misc] # no type information is published
        def __init__(self, number: int) -> None:
            super().__init__(number)
            self.allocator = LibcameraAllocator(self.camera)

        def _get_raw_modes(self) -> list[dict[str, Any]]:
            role = libcamera.StreamRole.Viewfinder
            formats = self.camera.generate_configuration([role]).at(0).formats
            return [
                {"format": str(pixel_format), "size": (size.width, size.height)}
                for pixel_format in formats.pixel_formats
                for size in formats.sizes(pixel_format)
            ]

    return SimpleNamespace(Picamera2=VirtualPicamera2, MappedArray=picamera2.MappedArray)
