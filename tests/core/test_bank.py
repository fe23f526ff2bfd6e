"""A bank survives its encoding, which never exceeds its size, and damaged bytes are refused."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_cls.core.bank import MAX_PHOTOS, Bank, encoded_dimension
from edge_cls.core.unit_vectors import unit_rows


def embeddings(photos: int, dim: int, *, signed: bool = False, sparse: float = 0.6) -> np.ndarray:
    """Return numbers like those of a network: mostly small, many of them 0."""
    random = np.random.default_rng(photos + dim)
    values = random.gamma(0.5, 1.0, (photos, dim)) * (random.random((photos, dim)) >= sparse)
    return np.asarray(values * (random.choice([-1, 1], (photos, dim)) if signed else 1), np.float32)


def cosines(bank: Bank, other: Bank) -> np.ndarray:
    return np.asarray((bank.units * other.units).sum(axis=1))


@pytest.mark.parametrize(
    ("signed", "sparse", "least"), [(False, 0.6, 0.98), (False, 0.0, 0.95), (True, 0.6, 0.98), (True, 0.0, 0.85)]
)
def test_the_largest_bank_fits_into_90_000_bytes_and_stays_close(signed: bool, sparse: float, least: float) -> None:
    bank = Bank(embeddings(MAX_PHOTOS, 1280, signed=signed, sparse=sparse))
    encoded = bank.encode()
    decoded = Bank.decode(encoded)
    assert len(encoded) <= 90_000
    assert encoded_dimension(encoded) == 1280
    assert len(decoded) == len(bank)
    assert cosines(bank, decoded).min() > least
    assert abs(decoded.distance - bank.distance) < 0.03


@given(photos=st.integers(2, 20), dim=st.integers(1, 30), signed=st.booleans())
def test_a_small_bank_has_the_finest_steps(photos: int, dim: int, *, signed: bool) -> None:
    bank = Bank(embeddings(photos, dim, signed=signed, sparse=0.3))
    decoded = Bank.decode(bank.encode())
    present = np.linalg.norm(bank.units, axis=1) > 0
    assert decoded.units.shape == bank.units.shape
    assert (cosines(bank, decoded)[present] > 0.95).all()
    assert (decoded.units[~present] == 0).all()
    assert bank.encode() == bank.encode()


def test_only_directions_count() -> None:
    rows = embeddings(5, 8)
    scaled = rows * np.array([[1], [7], [0.1], [100], [3]], np.float32)
    assert Bank(unit_rows(rows)).encode() == Bank(unit_rows(scaled)).encode()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((1, 4), np.float32), "1 photos and 4 numbers"),
        (np.ones((MAX_PHOTOS + 1, 4), np.float32), "257 photos and 4 numbers"),
        (np.full((3, 4), np.nan, np.float32), "not finite"),
    ],
)
def test_what_cannot_be_encoded_is_refused(rows: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bank(rows).encode()


ENCODED = Bank(embeddings(4, 6)).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begin"),
        (b"KNAB" + ENCODED[4:], "begin"),
        (ENCODED[:11], "begin"),
        (ENCODED[:4] + b"\x02" + ENCODED[5:], "version is 2, expected 1"),
        (ENCODED[:5] + b"\x08" + ENCODED[6:], "8 steps"),
        (ENCODED[:6] + b"\x02" + ENCODED[7:], "sign flag 2"),
        (ENCODED[:6] + b"\x01" + ENCODED[7:], "15 steps and the sign flag 1"),
        (ENCODED[:8] + b"\x01\x00" + ENCODED[10:], "1 photos"),
        (ENCODED[:8] + b"\x01\x01" + ENCODED[10:], "257 photos"),
        (ENCODED[:10] + b"\x00\x00", "0 numbers"),
        (ENCODED[:10] + b"\x07\x00" + ENCODED[12:], "exactly 14 bytes"),
        (ENCODED[:10] + b"\x05\x00" + ENCODED[12:], "exactly 10 bytes"),
        (ENCODED[:-1], "exactly 12 bytes"),
        (ENCODED + b"\0", "exactly 12 bytes"),
        (ENCODED[:-1] + bytes([ENCODED[-1] ^ 1]), "damaged"),
        (ENCODED[:12], "exactly 12 bytes"),
        (ENCODED[:12] + b"something else", "damaged"),
        (ENCODED[:5] + b"\x03" + ENCODED[6:12] + zlib.compress(b"\x10" * 12), "a symbol is 16, expected less than 16"),
        (ENCODED[:12] + zlib.compress(bytes(2**20)), "exactly 12 bytes"),
    ],
)
def test_damaged_bytes_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bank.decode(content)


@given(st.binary(max_size=40), st.integers(0, len(ENCODED)))
def test_no_bytes_raise_anything_else(noise: bytes, place: int) -> None:
    for content in (noise, ENCODED[:place] + noise + ENCODED[place + len(noise) :]):
        try:
            assert np.isfinite(Bank.decode(content).units).all()
        except ValueError:
            continue
