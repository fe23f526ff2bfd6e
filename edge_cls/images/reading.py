"""Photo files to frames: the door to Pillow.

Pillow, and not OpenCV, because OpenCV returns a truncated JPEG as a half-grey picture without an error.
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
"""Not all that Pillow knows: for some it starts other programs on the file."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MIN_SIDE = 8
MAX_PIXELS = 8192 * 6144
"""What the largest phones take (48 megapixels). Decoding that many takes 0.4 GB of memory, in WebP 0.8 GB."""
MAX_FILE = 256 * 2**20
_STRIP = 256


def read_image(source: Path | bytes, name: str | None = None) -> Frame:
    """Return the photo in a file, or in the bytes of one, as an RGB frame, the way a viewer would show it.

    EXIF rotation is applied, 16 bits become 8, grey and CMYK become RGB, transparency lies on white, and of an
    animation the first picture counts. Raises ImageError for a file that is missing, damaged, cut off, or smaller
    than 8 pixels each way or larger than 48 megapixels; `name` is what the error calls it.
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
        raise ImageError(f"{name} is no image of a known kind", hint="use JPEG, PNG, WebP or BMP files") from None
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
    """Return what the bytes of a photo that `read_image` can read are: JPEG, PNG, WEBP, BMP, GIF, TIFF or PPM."""
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
"""By EXIF orientation: the view of an upright frame in which its pixels lie as in the file."""


def _to_rgb(image: Image.Image) -> Frame:
    """Return the upright RGB frame. It is filled strip by strip, since Pillow would take three copies for it."""
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
    return np.asarray(image.convert("RGB"), np.uint8)


def _grey_16_bit(values: NDArray[np.generic]) -> Frame:
    """Scale 0..65535 to 0..255 (Pillow's own conversion clips instead). What is no number becomes black."""
    grey = np.clip(np.nan_to_num(values.astype(np.float64)) / 257.0, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def encode_jpeg(frame: Frame, quality: int = 90) -> bytes:
    """Return an RGB frame as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def encode_jpeg_within(frame: Frame, limit: int) -> bytes:
    """Return an RGB frame as the best JPEG of at most `limit` bytes: of quality 90 at most, and 30 where none fits."""
    for quality in range(90, 30, -10):
        if len(jpeg := encode_jpeg(frame, quality)) <= limit:
            return jpeg
    return encode_jpeg(frame, 30)


def encode_png(frame: Frame) -> bytes:
    """Return an RGB frame as the bytes of a PNG file, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
