"""Photo files to frames and back: the one door to Pillow.

Pillow is used instead of OpenCV, because OpenCV returns a truncated JPEG as a half-grey picture without an error.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edge_cls.errors import ImageError
from edge_cls.files import open_regular
from edge_cls.images.preprocess import Frame

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Formats that are decoded. Pillow knows more, and for some of them starts other programs on the file."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MIN_SIDE = 8
"""Pixels of the shortest side of a usable photo."""
MAX_PIXELS = 8192 * 6144
"""Pixels of the largest photo: 48 megapixels, as phones take. Decoding one takes 0.4 GB of memory, in WebP 0.8 GB."""
MAX_FILE = 256 * 2**20
"""Bytes of the largest photo file."""
_STRIP = 256
"""Rows that are converted to RGB at a time."""


def read_image(source: Path | bytes, name: str | None = None) -> Frame:
    """Return the photo in a file, or in the bytes of one, as an RGB frame, as an image viewer would show it.

    EXIF rotation is applied, 16 bits become 8, grey and CMYK become RGB, transparency becomes white, and an animation
    gives its first picture. Raises ImageError, whose message calls the file `name`, if it is missing, damaged or cut
    off, has a side of fewer than `MIN_SIDE` pixels, or more than `MAX_PIXELS` in all.
    """
    name = name or (str(source) if isinstance(source, Path) else "the image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            with (
                open_regular(source, limit=MAX_FILE) if isinstance(source, Path) else io.BytesIO(source) as file,
                Image.open(file, formats=_FORMATS) as image,
            ):
                _check_size(image, name)
                pixels = _to_rgb(image)
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist", hint="check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{name} is a folder", hint=f"name the photos in it: {name}/*.jpg") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(name) from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image of a known format", hint="use JPEG, PNG, WebP or BMP files") from None
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(
            f"{name} cannot be decoded ({error.strerror or error})", hint="replace or remove the file"
        ) from error
    except (
        SyntaxError,
        ValueError,
        EOFError,
        TypeError,
        LookupError,
        RuntimeError,
        struct.error,
        MemoryError,
    ) as error:
        # Pillow's decoders raise all of these for damaged files.
        raise ImageError(f"{name} cannot be decoded ({error})", hint="replace or remove the file") from error
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise ImageError(
            f"{name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, too few to classify",
            hint=f"use photos of at least {MIN_SIDE} x {MIN_SIDE} pixels",
        )
    return pixels


def image_format(content: bytes) -> str:
    """Return the format of a photo that `read_image` can read: JPEG, PNG, WEBP, BMP, GIF, TIFF or PPM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            # A camera's JPEG with a second picture inside (MPO) is a JPEG file like any other.
            return "JPEG" if image.format == "MPO" else str(image.format)


def _check_size(image: Image.Image, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name)


def _too_large(name: str) -> ImageError:
    return ImageError(f"{name} has more than {MAX_PIXELS:,} pixels", hint="scale it down first")


_AS_STORED: dict[int, Callable[[Frame], Frame]] = {
    2: np.fliplr,
    3: lambda upright: np.rot90(upright, 2),
    4: np.flipud,
    5: lambda upright: upright.swapaxes(0, 1),
    6: np.rot90,
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""For each EXIF orientation, the view of an upright frame that has its pixels in the order of the file."""


def _to_rgb(image: Image.Image) -> Frame:
    """Return the upright RGB frame. It is filled strip by strip, because Pillow would make three copies of it."""
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    width, height = image.size
    frame = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    as_stored = _AS_STORED.get(orientation, np.asarray)(frame)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        as_stored[top:bottom] = _strip_to_rgb(image.crop((0, top, width, bottom)))
    return frame


def _strip_to_rgb(image: Image.Image) -> Frame:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _grey_16_bit(np.asarray(image))
    if "A" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"), np.uint8)


def _grey_16_bit(values: NDArray[np.generic]) -> Frame:
    """Scale 0..65535 to 0..255 (Pillow's own conversion clips instead). NaN becomes black."""
    grey = np.clip(np.nan_to_num(values.astype(np.float64)) / 257.0, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def encode_jpeg(frame: Frame, quality: int = 90) -> bytes:
    """Return an RGB frame as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_jpeg_within(frame: Frame, limit: int) -> bytes:
    """Return an RGB frame as the JPEG of the highest quality, 90 to 30, that has at most `limit` bytes.

    If none has, that of quality 30 is returned.
    """
    for quality in range(90, 30, -10):
        if len(jpeg := encode_jpeg(frame, quality)) <= limit:
            return jpeg
    return encode_jpeg(frame, 30)


def encode_png(frame: Frame) -> bytes:
    """Return an RGB frame as the bytes of a PNG file, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
