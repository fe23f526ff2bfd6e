"""A photo file of any kind becomes the RGB frame that a viewer would show, or is refused with the reason."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge_cls.errors import ImageError
from edge_cls.images.preprocess import Frame
from edge_cls.images.reading import MIN_SIDE, encode_jpeg, encode_jpeg_within, read_image
from tests.colors import color_frame

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def halves(left: tuple[int, ...], right: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a picture, 24 x 16 pixels, of two colours of any number of channels."""
    pixels = np.empty((16, 24, len(left)), np.uint8)
    pixels[:, :12], pixels[:, 12:] = left, right
    return pixels


def assert_halves(frame: Frame, left: object, right: object, *, within: int = 0) -> None:
    assert frame.shape == (16, 24, 3)
    assert frame.dtype == np.uint8
    assert np.abs(frame[:, :8].astype(int) - np.asarray(left)).max() <= within
    assert np.abs(frame[:, 16:].astype(int) - np.asarray(right)).max() <= within


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".tiff"])
def test_a_lossless_file_is_read_with_the_same_pixels(tmp_path: Path, suffix: str) -> None:
    frame = color_frame("green")
    Image.fromarray(frame).save(tmp_path / f"photo{suffix}", lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / f"photo{suffix}"), frame)


def test_a_red_jpeg_is_red(tmp_path: Path) -> None:
    Image.fromarray(halves(RED, GREEN)).save(tmp_path / "photo.jpg", quality=95)
    assert_halves(read_image(tmp_path / "photo.jpg"), RED, GREEN, within=30)


def test_the_bytes_of_a_file_are_read_like_the_file(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encode_jpeg(color_frame("blue")))
    np.testing.assert_array_equal(read_image((tmp_path / "photo.jpg").read_bytes()), read_image(tmp_path / "photo.jpg"))


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(halves((0,), (180,))[:, :, 0]).save(tmp_path / "grey.png")
    assert_halves(read_image(tmp_path / "grey.png"), 0, 180)


def test_one_bit_becomes_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(halves((0,), (255,))[:, :, 0]).convert("1").save(tmp_path / "fax.png")
    assert_halves(read_image(tmp_path / "fax.png"), 0, 255)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param((40, 0), (40, 255), (WHITE, 40), id="grey and alpha"),
        pytest.param((*RED, 0), (*RED, 255), (WHITE, RED), id="RGBA"),
        pytest.param((*RED, 128), (*RED, 255), ((255, 127, 127), RED), id="half transparent"),
    ],
)
def test_transparency_becomes_white(
    tmp_path: Path, left: tuple[int, ...], right: tuple[int, ...], expected: tuple[object, object]
) -> None:
    Image.fromarray(halves(left, right)).save(tmp_path / "logo.png")
    assert_halves(read_image(tmp_path / "logo.png"), *expected)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_the_transparent_colour_of_a_palette_becomes_white(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(halves((0,), (1,))[:, :, 0], "P")
    image.putpalette([*GREEN, *RED])
    image.save(tmp_path / f"palette{suffix}", transparency=0)
    assert_halves(read_image(tmp_path / f"palette{suffix}"), WHITE, RED)


def with_pillow(path: Path, pixels: NDArray[np.uint16]) -> None:
    Image.fromarray(pixels).save(path)


def with_opencv(path: Path, pixels: NDArray[np.uint16]) -> None:
    assert cv2.imwrite(str(path), pixels)


@pytest.mark.parametrize("write", [with_pillow, with_opencv])
def test_16_bits_of_grey_are_scaled_and_not_clipped(
    tmp_path: Path, write: Callable[[Path, NDArray[np.uint16]], None]
) -> None:
    pixels = np.zeros((16, 24), np.uint16)
    pixels[:, :12], pixels[:, 12:] = 100 * 257, 65535
    write(tmp_path / "deep.png", pixels)
    assert_halves(read_image(tmp_path / "deep.png"), 100, 255)


def test_16_bits_of_colour_are_scaled(tmp_path: Path) -> None:
    with_opencv(tmp_path / "deep.png", halves((0, 0, 255), (0, 128, 0)).astype(np.uint16) * 257)
    assert_halves(read_image(tmp_path / "deep.png"), RED, (0, 128, 0))


def test_a_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(halves(RED, WHITE)).convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert_halves(read_image(tmp_path / "print.jpg"), RED, WHITE, within=30)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation_6_turns_the_left_side_up(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(halves(RED, GREEN)).save(tmp_path / f"phone{suffix}", exif=exif)
    frame = read_image(tmp_path / f"phone{suffix}")
    assert frame.shape == (24, 16, 3)
    assert_halves(np.ascontiguousarray(frame.transpose(1, 0, 2)), RED, GREEN, within=30)


@pytest.mark.parametrize("suffix", [".webp", ".gif", ".png"])
def test_the_first_picture_of_an_animation_is_read(tmp_path: Path, suffix: str) -> None:
    first, second = Image.fromarray(halves(RED, GREEN)), Image.fromarray(halves(GREEN, RED))
    first.save(tmp_path / f"moving{suffix}", save_all=True, append_images=[second], lossless=True)
    assert_halves(read_image(tmp_path / f"moving{suffix}"), RED, GREEN)


def test_the_smallest_photo_is_read_and_a_smaller_one_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (MIN_SIDE, MIN_SIDE)).save(tmp_path / "small.png")
    Image.new("RGB", (100, MIN_SIDE - 1)).save(tmp_path / "flat.png")
    assert read_image(tmp_path / "small.png").shape == (8, 8, 3)
    with pytest.raises(ImageError, match="has 100 x 7 pixels, too few to classify; use photos of at least 8 x 8"):
        read_image(tmp_path / "flat.png")


def cut(suffix: str) -> Callable[[Path], None]:
    """Return a writer of the first half of a photo."""

    def write(path: Path) -> None:
        whole = path.with_name(f"whole{suffix}")
        Image.fromarray(color_frame("red", side=120)).save(whole)
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])

    return write


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda _: None, "does not exist; check the path"),
    "a folder": (lambda path: path.mkdir(), r"is a folder; name the photos in it: .*/\*\.jpg"),
    "empty": (lambda path: path.write_bytes(b""), "is not an image of a known format"),
    "a text": (
        lambda path: path.write_text("no photo"),
        "is not an image of a known format; use JPEG, PNG, WebP or BMP",
    ),
    "a JPEG cut off": (cut(".jpg"), "cannot be decoded .*; replace or remove the file"),
    "a PNG cut off": (cut(".png"), "cannot be decoded .*; replace or remove the file"),
    "a WebP cut off": (cut(".webp"), "; "),
    "a BMP cut off": (cut(".bmp"), "cannot be decoded .*; replace or remove the file"),
    "one pixel": (lambda path: Image.new("RGB", (1, 1)).save(path, "PNG"), "has 1 x 1 pixels, too few"),
}


@pytest.mark.parametrize(("write", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_file_is_refused_in_one_line_with_a_hint(
    tmp_path: Path, write: Callable[[Path], object], message: str
) -> None:
    path = tmp_path / "photo.jpg"
    write(path)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert caught.value.hint


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (8192, 6145)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match="has more than 50,331,648 pixels; scale it down first"):
        read_image(tmp_path / "bomb.png")


def test_a_rotated_photo_with_damaged_exif_data_is_read_or_refused(tmp_path: Path) -> None:
    # Orientation 6, and a width that is not a number: Pillow cannot write this EXIF block again.
    entries = struct.pack(">HHLHH", 0x0112, 3, 1, 6, 0) + struct.pack(">HHL4s", 0x0100, 7, 4, b"wide")
    exif = b"Exif\0\0MM\0\x2a" + struct.pack(">LH", 8, 2) + entries + struct.pack(">L", 0)
    Image.fromarray(halves(RED, GREEN)).save(tmp_path / "phone.jpg", exif=exif)
    with contextlib.suppress(ImageError):
        assert read_image(tmp_path / "phone.jpg").shape == (24, 16, 3)


def test_an_encoded_frame_is_a_jpeg_of_nearly_the_same_pixels() -> None:
    frame = halves(RED, GREEN)
    assert encode_jpeg(frame).startswith(b"\xff\xd8")
    assert_halves(read_image(encode_jpeg(frame)), RED, GREEN, within=30)


def test_a_jpeg_is_as_good_as_its_limit_of_bytes_allows() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    best = encode_jpeg(noise)
    assert encode_jpeg_within(noise, len(best)) == best
    assert 1000 < len(encode_jpeg_within(noise, len(best) - 1)) < len(best)
    assert encode_jpeg_within(noise, 1) == encode_jpeg(noise, 30)
