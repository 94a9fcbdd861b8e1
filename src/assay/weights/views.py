"""Bits of stored weights as the views that are compared: bf16 and float32. Legend: N elements of a piece."""

import numpy as np
from numpy.typing import NDArray

from assay.weights.checkpoint import Bytes

Bits16 = NDArray[np.uint16]
Bits32 = NDArray[np.uint32]
Float32 = NDArray[np.float32]

SIGN_OFF_16, SIGN_OFF_32 = np.uint16(0x7FFF), np.uint32(0x7FFFFFFF)
INFINITY_16 = np.uint16(0x7F80)
HALF, ONE, SIXTEEN = np.uint32(0x7FFF), np.uint32(1), np.uint32(16)


def to_float32(raw_N: Bytes, dtype: str) -> Float32:
    """Stored bytes of F32, F16 or BF16 as float32, exactly; denormal numbers stay what they are."""
    if dtype == "BF16":
        return from_bf16(raw_N.view(np.uint16))
    return raw_N.view(np.float16).astype(np.float32) if dtype == "F16" else raw_N.view(np.float32)


def from_bf16(bits_N: Bits16) -> Float32:
    """bf16 as float32, exactly."""
    wide_N = bits_N.astype(np.uint32)
    wide_N <<= SIXTEEN
    return wide_N.view(np.float32)


def to_bf16(values_N: Float32) -> Bits16:
    """Float32 rounded to bf16, ties to even, as its bits; not for NaN."""
    bits_N = values_N.view(np.uint32)
    rounded_N = bits_N >> SIXTEEN
    rounded_N &= ONE  # in place: new memory for every step would cost more than the steps
    rounded_N += HALF
    rounded_N += bits_N
    rounded_N >>= SIXTEEN
    return rounded_N.astype(np.uint16)


def magnitude_16(bits_N: Bits16) -> Bits16:
    """The bits without the sign: as whole numbers they are ordered as the absolute values are."""
    return bits_N & SIGN_OFF_16


def magnitude_32(values_N: Float32) -> Bits32:
    """As `magnitude_16`, of float32."""
    return values_N.view(np.uint32) & SIGN_OFF_32


def limit_32(tolerance: float) -> np.uint32:
    """Bits of the largest float32 that is not above `tolerance`."""
    nearest = np.float32(tolerance)
    if float(nearest) > tolerance:
        nearest = np.nextafter(nearest, np.float32(0.0))
    return np.uint32(nearest.view(np.uint32))


def limit_16(tolerance: float) -> np.uint16:
    """Bits of the largest bf16 that is not above `tolerance`."""
    return np.uint16(limit_32(tolerance) >> SIXTEEN)
