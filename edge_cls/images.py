"""Photo files to frames: the door to Pillow.

Pillow, and not OpenCV, because OpenCV returns a truncated JPEG as a half-grey picture without an error.
"""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edge_cls.errors import ImageError
from edge_cls.preprocess import Frame

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
"""Not all that Pillow knows: for some it starts other programs on the file."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MIN_SIDE = 8


def read_image(source: Path | bytes, name: str | None = None) -> Frame:
    """Return the photo in a file, or in the bytes of one, as an RGB frame, the way a viewer would show it.

    EXIF rotation is applied, 16 bits become 8, grey and CMYK become RGB, transparency lies on white, and of an
    animation the first picture counts. Raises ImageError for a file that is missing, damaged, cut off, or smaller
    than 8 pixels each way; `name` is what the error calls it.
    """
    name = name or (str(source) if isinstance(source, Path) else "the image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            with Image.open(source if isinstance(source, Path) else io.BytesIO(source), formats=_FORMATS) as image:
                pixels = _to_rgb(_upright(image))
    except FileNotFoundError:
        raise ImageError(f"{name} does not exist", mend="check the path") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(f"{name} has more than {Image.MAX_IMAGE_PIXELS} pixels", mend="scale it down first") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is no image of a known kind", mend="use JPEG, PNG, WebP or BMP files") from None
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, RuntimeError, struct.error) as error:
        # Pillow's decoders raise all of these for damaged files.
        raise ImageError(f"{name} cannot be decoded ({error})", mend="replace or remove the file") from error
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise ImageError(
            f"{name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, too few to classify",
            mend=f"use photos of at least {MIN_SIDE} x {MIN_SIDE} pixels",
        )
    return pixels


def image_format(content: bytes) -> str:
    """Return what the bytes of a photo that `read_image` can read are: JPEG, PNG, WEBP, BMP, GIF, TIFF or PPM."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            # A camera's JPEG with a second picture inside (MPO) is a JPEG file like any other.
            return "JPEG" if image.format == "MPO" else str(image.format)


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. Unlike ImageOps.exif_transpose it does not write the EXIF block again."""
    image.load()
    method = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Frame:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _grey_16_bit(np.asarray(image))
    if "A" in image.getbands() or "transparency" in image.info:
        return _on_white(image)
    return np.asarray(image.convert("RGB"), np.uint8)


def _on_white(image: Image.Image) -> Frame:
    """Lay a transparent picture on white, strip by strip: as a whole it would take the memory of four."""
    width, height = image.size
    frame = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 256):
        strip = image.crop((0, top, width, min(top + 256, height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        frame[top : top + 256] = np.asarray(Image.alpha_composite(white, strip).convert("RGB"))
    return frame


def _grey_16_bit(values: NDArray[np.generic]) -> Frame:
    """Scale 0..65535 to 0..255 (Pillow's own conversion clips instead)."""
    grey = np.clip(values.astype(np.float64) / 257.0, 0, 255).round().astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def encode_jpeg(frame: Frame, quality: int = 90) -> bytes:
    """Return an RGB frame as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
