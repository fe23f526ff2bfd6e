"""Bad inputs of every kind, made from good ones, always the same: photos, models, labels files, folders and ZIPs.

`TABLE` lists the commands that are run with them.
"""

from __future__ import annotations

import functools
import io
import json
import os
import random
import shutil
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from edge_cls.model.file import read_model, sha256
from tests import toy_model
from tests.colors import color_frame, write_colors

TINY = Path(__file__).parents[1] / "data" / "tiny.tflite"


@dataclass(frozen=True)
class Bad:
    """A bad input: `write` puts it into a folder and returns its path.

    `fatal`: it must be refused; other damage may be harmless, such as a flipped bit in a pixel. `rights`: it is bad
    because permissions are missing, which do not apply to root. `unreadable`: it cannot even be reported on.
    """

    name: str
    write: Callable[[Path], Path]
    fatal: bool = True
    rights: bool = False
    unreadable: bool = False


@dataclass(frozen=True)
class Row:
    """A command for a kind of input: `{}` in the arguments is the input, beside good files of these names."""

    command: str
    kind: str
    arguments: str
    reports: bool = False
    """Whether the command reports bad content on stdout: then it is not an error, unless it is unreadable."""


@dataclass(frozen=True)
class Case:
    """A bad input and the command that is run with it."""

    row: Row
    bad: Bad

    @property
    def name(self) -> str:
        """The name of the test."""
        return f"{self.row.command}-{self.row.kind}-{self.bad.name}".replace(" ", "-")


TABLE = (
    Row("classify", "photos", "classify good.tflite {} --json"),
    Row("classify", "models", "classify {} good.png --labels three.txt"),
    Row("classify", "labels", "classify bare.tflite good.png --labels {}"),
    Row("train", "folders", "train {} --out run --epochs 1"),
    Row("train", "class photos", "train {} --out run --epochs 1"),
    Row("dataset check", "folders", "dataset check {}", reports=True),
    Row("dataset check", "class photos", "dataset check {}", reports=True),
    Row("dataset check", "any class photos", "dataset check {}", reports=True),
    Row("dataset check", "class files", "dataset check {}", reports=True),
    Row("inspect", "models", "inspect {} --json", reports=True),
    Row("import-model", "models", "import-model {} --labels three.txt -o out.tflite"),
    Row("import-model", "labels", "import-model bare.tflite --labels {} -o out.tflite"),
    Row("import-model", "archives", "import-model {} -o out.tflite"),
)


def good_files(folder: Path) -> None:
    """Write the good files that the arguments of `TABLE` name."""
    shutil.copy(TINY, folder / "good.tflite")
    (folder / "bare.tflite").write_bytes(toy_model.write_mean_color(folder / "bare.tflite").read_bytes())
    (folder / "three.txt").write_text("one\ntwo\nthree\n")
    Image.fromarray(color_frame("red", side=64)).save(folder / "good.png")


@functools.cache
def cases() -> list[Case]:
    """Return every row of the table with every input of its kind."""
    in_classes = [
        bad
        for bad in photos()
        if bad.name not in NO_PHOTO_OF_A_CLASS and not bad.name.startswith(("gif", "tiff", "floats", "animation"))
    ]
    kinds = {
        "photos": photos(),
        "models": models(),
        "labels": labels_files(),
        "folders": folders(),
        "class photos": [_in_a_class(bad) for bad in in_classes if bad.fatal],
        "any class photos": [_in_a_class(bad) for bad in in_classes if not bad.fatal],
        "class files": [_in_a_class(bad) for bad in photos() if bad.name in BESIDE_PHOTOS],
        "archives": archives(),
    }
    return [Case(row, bad) for row in TABLE for bad in kinds[row.kind]]


# --- damage ----------------------------------------------------------------------------------------------------------


def _file(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content())
        return folder / name

    return write


def _cut(content: bytes, percent: int) -> bytes:
    return content[: len(content) * percent // 100]


def _flipped(content: bytes, seed: int, bits: int = 8) -> bytes:
    rng, changed = random.Random(seed), bytearray(content)  # noqa: S311 - the same inputs every day
    for _ in range(bits):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - likewise


def _sparse(name: str, start: bytes, size: int = 10 * 2**30) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with (folder / name).open("wb") as file:
            file.write(start)
            file.truncate(size)
        return folder / name

    return write


def odd_files(suffix: str, content: Callable[[], bytes]) -> Iterator[Bad]:
    """Yield paths ending in `suffix` that are not regular files, have an odd name, or lack permissions."""

    def fifo(folder: Path) -> Path:
        os.mkfifo(folder / f"fifo{suffix}")
        return folder / f"fifo{suffix}"

    def bound_socket(folder: Path) -> Path:
        with socket.socket(socket.AF_UNIX) as one:
            # Relative, since the path of a socket has at most 107 bytes.
            here = Path.cwd()
            os.chdir(folder)
            one.bind(f"socket{suffix}")
            os.chdir(here)
        return folder / f"socket{suffix}"

    def link(name: str, target: str) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            (folder / f"{name}{suffix}").symlink_to(target)
            return folder / f"{name}{suffix}"

        return write

    def a_folder(folder: Path) -> Path:
        (folder / f"folder{suffix}").mkdir()
        return folder / f"folder{suffix}"

    def locked(folder: Path) -> Path:
        path = _file(f"locked{suffix}", content)(folder)
        path.chmod(0)
        return path

    yield Bad("missing", lambda folder: folder / f"missing{suffix}")
    yield Bad("named pipe", fifo)
    yield Bad("socket", bound_socket)
    yield Bad("folder in its place", a_folder)
    yield Bad("link to itself", link("loop", f"loop{suffix}"))
    yield Bad("link to nothing", link("dangling", "nowhere"))
    yield Bad("link to endless zeros", link("zero", "/dev/zero"))
    yield Bad("link to endless noise", link("random", "/dev/urandom"))
    yield Bad("no rights", locked, rights=True)
    yield Bad("name too long", lambda folder: folder / ("n" * 300 + suffix))
    yield Bad("path too long", lambda folder: folder / "/".join(["d" * 200] * 25) / f"x{suffix}")
    yield Bad("longest name, empty", _file("n" * (255 - len(suffix)) + suffix, bytes))
    yield Bad("escape codes in the name, empty", _file(f"red\x1b[31m\x07\x9b2J{suffix}", bytes))
    yield Bad("lines in the name, empty", _file(f"error: one\nerror: two\r{suffix}", bytes))
    yield Bad("name that is no text, empty", _file(os.fsdecode(b"caf\xe9\xff") + suffix, bytes))
    yield Bad("name in many scripts, empty", _file(f"写真 фото \u202e\u200d 📷{suffix}", bytes))
    yield Bad("ten sparse gigabytes", _sparse(f"sparse{suffix}", b""))
    yield Bad("ten gigabytes after a good start", _sparse(f"long{suffix}", content()))
    yield Bad("empty", _file(f"empty{suffix}", bytes))
    yield Bad("text", _file(f"text{suffix}", lambda: b"nothing but text\n" * 9))
    yield Bad("noise", _file(f"noise{suffix}", lambda: _noise(5000)))


# --- photos ----------------------------------------------------------------------------------------------------------

BESIDE_PHOTOS = frozenset(
    {"folder in its place", "named pipe", "socket", "link to nothing"}
    | {"link to itself", "link to endless zeros", "link to endless noise"}
)
"""Entries of a class folder that are not regular files. Training skips them, like GIF and TIFF files."""
NO_PHOTO_OF_A_CLASS = BESIDE_PHOTOS | {"missing", "name too long", "path too long"}


def _encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(color_frame("red", side=64)).save(buffer, kind, **options)
    return buffer.getvalue()


def _plain(mode: str, size: tuple[int, int], kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bomb(kind: bytes) -> bytes:
    """Return a text or a colour profile that unpacks to 200 MiB."""
    return _chunk(kind, b"name\0\0" + zlib.compress(bytes(200 * 2**20)))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8, color: int = 2, pixels: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + data + _chunk(b"IEND", b"")


def _with_size(jpeg: bytes, width: int, height: int) -> bytes:
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


def photos() -> list[Bad]:
    """Return bad photo files."""
    found = list(odd_files(".jpg", lambda: _encoded("JPEG")))
    for kind, suffix in {
        "JPEG": "jpg",
        "PNG": "png",
        "WEBP": "webp",
        "BMP": "bmp",
        "GIF": "gif",
        "TIFF": "tiff",
    }.items():
        good = _encoded(kind)
        for percent in (1, 20, 50, 90):
            cut = _cut(good, percent)
            # The end of a GIF of noise can be missing unnoticed; the other formats check the number of bytes.
            found.append(Bad(f"{suffix} cut at {percent}", _file(f"cut.{suffix}", cut), fatal=percent < 90))
        for seed in range(3):
            changed = _flipped(good, seed)
            found.append(Bad(f"{suffix} flipped {seed}", _file(f"flip.{suffix}", changed), fatal=False))
        header = bytes(16) + good[16:]
        found.append(Bad(f"{suffix} without header", _file(f"header.{suffix}", header)))
    nonsense = b"Exif\0\0MM\0\x2a" + _noise(400)
    special: dict[str, tuple[str, Callable[[], bytes], bool]] = {
        "png of 60000 x 60000": ("huge.png", lambda: _png(60_000, 60_000), True),
        "png of 2**31 columns": ("wide.png", lambda: _png(2**31 - 1, 2**31 - 1), True),
        "png of no pixels": ("none.png", lambda: _png(0, 0), True),
        "png of 81 megapixels": ("bomb.png", lambda: _plain("1", (9000, 9000), "PNG"), True),
        "png of 48 megapixels": ("large.png", lambda: _plain("RGBA", (8000, 6000), "PNG", compress_level=1), False),
        "webp of 48 megapixels": (
            "large.webp",
            lambda: _plain("RGB", (8000, 6000), "WEBP", lossless=True, method=0),
            False,
        ),
        "16 bit png of 48 megapixels": ("deep.png", lambda: _plain("I;16", (8000, 6000), "PNG"), False),
        "png without pixels": ("short.png", lambda: _png(64, 64, pixels=b"\0"), True),
        "png of unknown colours": ("color.png", lambda: _png(64, 64, color=5, pixels=bytes(9999)), True),
        "png with a text bomb": ("text.png", lambda: _png(64, 64, _bomb(b"zTXt"), pixels=bytes(64 * 193)), False),
        "png with a profile bomb": ("profile.png", lambda: _png(64, 64, _bomb(b"iCCP"), pixels=bytes(64 * 193)), False),
        "jpeg of 65500 x 65500": ("huge.jpg", lambda: _with_size(_encoded("JPEG"), 65_500, 65_500), True),
        "jpeg taller than its data": ("tall.jpg", lambda: _with_size(_encoded("JPEG"), 64, 6000), False),
        "jpeg with nonsense for EXIF": ("exif.jpg", lambda: _encoded("JPEG", exif=nonsense), False),
        "bmp of 2**31 columns": ("huge.bmp", lambda: _huge(_encoded("BMP"), 18, "<II"), True),
        "gif of 65535 x 65535": ("huge.gif", lambda: _huge(_encoded("GIF"), 6, "<HH"), True),
        "one pixel": ("pixel.png", lambda: _plain("RGB", (1, 1), "PNG"), True),
        "a line": ("line.png", lambda: _plain("RGB", (16_000, 1), "PNG"), True),
        "animation": ("moving.gif", _animation, False),
        "cmyk": ("print.jpg", lambda: _plain("CMYK", (64, 64), "JPEG"), False),
        "floats": ("float.tiff", lambda: _plain("F", (64, 64), "TIFF"), False),
        "zip": ("zip.jpg", lambda: _zip({"a.jpg": _encoded("JPEG")}), True),
        "svg": ("drawing.png", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', True),
        "eps": ("print.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\nshowpage\n", True),
        "heic": ("phone.jpg", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), True),
    }
    return found + [Bad(name, _file(file, content), fatal) for name, (file, content, fatal) in special.items()]


def _huge(content: bytes, position: int, layout: str) -> bytes:
    largest = (1 << 4 * struct.calcsize(layout)) - 1
    largest = largest >> 1 if layout == "<II" else largest
    sizes = struct.pack(layout, largest, largest)
    return content[:position] + sizes + content[position + len(sizes) :]


def _animation() -> bytes:
    frames = [Image.fromarray(color_frame("red", seed)) for seed in range(30)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


# --- models ----------------------------------------------------------------------------------------------------------


def models() -> list[Bad]:
    """Return bad `.tflite` files: files of edge-cls, which contain a checksum, and of others, which contain none."""
    whole = TINY.read_bytes()
    network = read_model(TINY).network
    found = [replace(bad, unreadable=True) for bad in odd_files(".tflite", lambda: whole)]
    for percent in (1, 30, 60, 95, 99):
        for name, good in (("ours", whole), ("foreign", network)):
            cut = _cut(good, percent)
            found.append(Bad(f"{name} cut at {percent}", _file("cut.tflite", cut), unreadable=True))
    for seed in range(6):
        changed = _flipped(whole, seed)
        found.append(Bad(f"ours flipped {seed}", _file("flip.tflite", changed), unreadable=True))
    for seed in range(20):
        changed = network[:4] + b"TFL3" + _flipped(network[8:], seed, bits=4)
        found.append(Bad(f"foreign flipped {seed}", _file("flip.tflite", changed), fatal=False))
    for name, offset in (("root", 0), ("root beyond the end", 0xFFFFFFF0), ("root at the end", len(network) - 2)):
        changed = struct.pack("<I", offset) + network[4:]
        found.append(Bad(name, _file("root.tflite", changed), unreadable=True))
    found += [
        Bad("image of 98304 x 98304", lambda folder: toy_model.write_mean_color(folder / "huge.tflite", side=98_304)),
        Bad("image of 16384 x 16384", lambda folder: toy_model.write_mean_color(folder / "big.tflite", side=16_384)),
        Bad("two inputs", lambda folder: toy_model.write_two_inputs(folder / "two.tflite")),
        Bad("fails when it runs", lambda folder: toy_model.write_failing(folder / "failing.tflite")),
    ]
    appended: dict[str, tuple[Callable[[], bytes], bool]] = {
        "labels bomb": (lambda: _zip({"manifest.json": _manifest(), "labels.txt": bytes(64 * 2**20)}), True),
        "manifest in LZMA": (lambda: _zip({"manifest.json": b"{}"}, zipfile.ZIP_LZMA), True),
        "ten thousand files": (lambda: _zip({f"{n}.txt": b"" for n in range(10_000)}), True),
        "two manifests": (lambda: _twice("manifest.json"), True),
        "two files of other programs": (lambda: _twice("other.bin"), False),
        "manifest nested deeply": (lambda: _zip({"manifest.json": b"[" * 100_000}), True),
        "manifest of another encoding": (lambda: _zip({"manifest.json": "{}".encode("utf-16")}), True),
        "manifest without temperature": (lambda: _zip({"manifest.json": _manifest(temperature=0.0)}), True),
        "manifest that is too warm": (lambda: _zip({"manifest.json": _manifest(temperature=float("inf"))}), True),
        "manifest without numbers": (lambda: _zip({"manifest.json": _manifest(temperature=float("nan"))}), True),
        "manifest with odd distances": (lambda: _zip({"manifest.json": _manifest(stranger_distance=-1e300)}), True),
        "manifest of a narrow image": (
            lambda: _zip({"manifest.json": _manifest(preprocessing={"width": -1, "height": 0})}),
            True,
        ),
        "manifest that divides by 0": (
            lambda: _zip({"manifest.json": _manifest(preprocessing={"width": 32, "height": 32, "std": 0})}),
            True,
        ),
        "manifest with an odd threshold": (
            lambda: _zip({"manifest.json": _manifest(unknown_below=float("nan"))}),
            True,
        ),
        "labels that are no text": (
            lambda: _zip({"manifest.json": _manifest(), "labels.txt": b"\xff\xfe\n" * 3}),
            True,
        ),
        "too few labels": (lambda: _zip({"manifest.json": _manifest(), "labels.txt": b"blue\n"}), False),
        "overlapping files": (_overlapping, True),
    }
    for name, (archive, fatal) in appended.items():
        found.append(Bad(name, _after(network, archive), fatal, unreadable=fatal))
    return found


def _after(network: bytes, archive: Callable[[], bytes]) -> Callable[[Path], Path]:
    return _file("appended.tflite", lambda: network + archive())


def _manifest(**changes: object) -> bytes:
    """Return a manifest that fits the network of `TINY` but for `changes`."""
    with zipfile.ZipFile(TINY) as archive:
        own = json.loads(archive.read("manifest.json"))
    return json.dumps(own | {"flatbuffer_sha256": sha256(read_model(TINY).network)} | changes).encode()


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def _twice(name: str) -> bytes:
    return _zip({name: b"{}", name[:-1] + "?": b"{}"}).replace(name[:-1].encode() + b"?", name.encode())


def _overlapping() -> bytes:
    """Both entries of the directory point at the first file."""
    archive = bytearray(_zip({"manifest.json": b"{}" * 500, "labels.txt": b"one\n"}))
    second = archive.rindex(b"PK\x01\x02")
    archive[second + 42 : second + 46] = bytes(4)
    return bytes(archive)


# --- labels files ----------------------------------------------------------------------------------------------------


def labels_files() -> list[Bad]:
    """Return bad labels files for a model of three classes."""
    texts: dict[str, bytes] = {
        "two labels": b"one\ntwo\n",
        "numbered with gaps": b"0 one\n2 two\n3 three\n",
        "numbered twice": b"0 one\n0 two\n1 three\n",
        "numbered beyond reason": b"9" * 5000 + b" one\n1 two\n2 three\n",
        "one endless line": b"x" * 900_000,
        "two megabytes": b"one\n" * 500_000,
        "UTF-16": "one\ntwo\nthree\n".encode("utf-16"),
        "Latin-1": "caf\xe9\ntwo\nthree\n".encode("latin-1"),
        "blank lines": b"\n \n\t\n",
    }
    return list(odd_files(".txt", lambda: b"one\ntwo\nthree\n")) + [
        # A number with too many digits is a label, though an odd one.
        Bad(name, _file("labels.txt", text), fatal=name != "numbered beyond reason")
        for name, text in texts.items()
    ]


# --- folders ---------------------------------------------------------------------------------------------------------


def _in_a_class(bad: Bad) -> Bad:
    """Return an input that is `bad` among the good photos of a class folder."""

    def write(folder: Path) -> Path:
        write_colors(folder / "data", 6)
        bad.write(folder / "data" / "red")
        return folder / "data"

    return Bad(bad.name, write, bad.fatal, bad.rights)


def folders() -> list[Bad]:
    """Return folders that cannot be trained on."""

    def made(make: Callable[[Path], object]) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            (folder / "data").mkdir()
            make(folder / "data")
            return folder / "data"

        return write

    def one_class(data: Path) -> None:
        write_colors(data, 6)
        for name in ("green", "blue"):
            shutil.rmtree(data / name)

    def class_called(name: str) -> Callable[[Path], None]:
        def make(data: Path) -> None:
            write_colors(data, 6)
            (data / "red").rename(data / name)

        return make

    def locked(which: str) -> Callable[[Path], None]:
        def make(data: Path) -> None:
            write_colors(data, 6)
            (data / which).chmod(0)

        return make

    def loops(data: Path) -> None:
        write_colors(data, 0)
        for name in ("red", "green"):
            (data / name / "again").symlink_to(data)
            (data / name / "loop.jpg").symlink_to(data / name / "loop.jpg")

    def files_for_classes(data: Path) -> None:
        for name in ("red", "green"):
            (data / name).write_text("a file")

    def copies(data: Path) -> None:
        write_colors(data, 1)
        for name in ("red", "green", "blue"):
            for index in range(5):
                shutil.copy(data / name / "00.png", data / name / f"copy{index}.png")

    def deep(data: Path) -> None:
        here = data / "red"
        for _ in range(300):
            here /= "d"
        here.mkdir(parents=True)

    makers: dict[str, tuple[Callable[[Path], object], bool]] = {
        "nothing in it": (lambda _: None, False),
        "empty classes": (lambda data: write_colors(data, 0), False),
        "one class": (one_class, False),
        "too few photos": (lambda data: write_colors(data, 1), False),
        "copies only": (copies, False),
        "files for classes": (files_for_classes, False),
        "only a test split": (lambda data: write_colors(data / "test", 3), False),
        "an empty train split": (lambda data: (data / "train").mkdir(), False),
        "links in a circle": (loops, False),
        "three hundred folders deep": (deep, False),
        "class with escape codes": (class_called("red\x1b[31m"), False),
        "class of two lines": (class_called("red\nerror: green"), False),
        "class that is no text": (class_called(os.fsdecode(b"caf\xe9")), False),
        "class of 255 letters": (class_called("r" * 255), False),
        "class of blanks": (class_called("  "), False),
        "class without rights": (locked("red"), True),
        "no rights": (locked("."), True),
    }
    # Neither a folder of photos nor of classes: only their names end like those of photos.
    no_folder = [bad for bad in odd_files(".jpg", lambda: _encoded("JPEG")) if bad.name != "folder in its place"]
    return [Bad(name, made(make), rights=rights) for name, (make, rights) in makers.items()] + [
        Bad(f"no folder: {bad.name}", bad.write, rights=bad.rights, unreadable=True) for bad in no_folder
    ]


# --- archives --------------------------------------------------------------------------------------------------------


def archives() -> list[Bad]:
    """Return bad exports of Teachable Machine: a ZIP of `model.tflite` and `labels.txt`."""
    model = read_model(TINY).network
    good = _zip({"model.tflite": model, "labels.txt": b"0 one\n1 two\n2 three\n"})
    contents: dict[str, bytes | Callable[[], bytes]] = {
        "nothing in it": _zip({}),
        "no model": _zip({"labels.txt": b"0 one\n"}),
        "no labels": _zip({"model.tflite": model}),
        "an empty model": _zip({"model.tflite": b"", "labels.txt": b"0 one\n"}),
        "a model of noise": _zip({"model.tflite": _noise(4000), "labels.txt": b"0 one\n"}),
        "a model bomb": lambda: _zip({"model.tflite": b"\x1c\0\0\0TFL3" + bytes(2**30), "labels.txt": b"0 one\n"}),
        "a labels bomb": lambda: _zip({"model.tflite": model, "labels.txt": bytes(2**28)}),
        "a model outside": _zip({"../../model.tflite": model, "/labels.txt": b"0 one\n1 two\n2 three\n"}),
        "two models": _zip({"a/model.tflite": model, "b/model.tflite": model[:3000], "labels.txt": b"0 one\n"}),
        "labels numbered with gaps": _zip({"model.tflite": model, "labels.txt": b"0 one\n7 two\n9 three\n"}),
        "labels that are no text": _zip({"model.tflite": model, "labels.txt": b"\xff\xfe\xfd"}),
        "ten thousand files": lambda: _zip({f"{n}": b"" for n in range(10_000)}),
        "a zip in a zip": _zip({"converted_tflite.zip": good}),
        "in LZMA": _zip({"model.tflite": model[:99], "labels.txt": b"0 one\n"}, zipfile.ZIP_LZMA),
        "two files of one name": _twice("labels.txt"),
        **{f"cut at {percent}": _cut(good, percent) for percent in (10, 50, 90, 99)},
        **{f"flipped {seed}": _flipped(good, seed) for seed in range(8)},
    }
    # Two of the flips change a time or a name that is not read, which is harmless.
    return list(odd_files(".zip", lambda: good)) + [
        Bad(name, _file("export.zip", content), fatal=not name.startswith(("flipped", "two", "in", "a zip")))
        for name, content in contents.items()
    ]
