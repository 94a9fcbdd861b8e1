"""Reading packed test cases: base64 of zlib of a pickle, as LiveCodeBench packs its private ones, without unpickling.

A pickle is a program: loading one may run anything. Here only plain data is read: text, numbers, None, lists, tuples
and dictionaries. A pickle that names a class or a function is refused, and its steps are looked over before the first
is taken: a few bytes may claim gigabytes.
"""

import base64
import binascii
import io
import json
import pickle
import pickletools
import zlib
from typing import Any

from assay.errors import DataError

LARGEST = 256 << 20
"""Bytes that unpack to at most; what is larger is refused."""
STEPS = 1_000_000
"""Steps of a pickle, and numbers under which it may keep a value, at most: each takes memory."""


class _PlainData(pickle.Unpickler):
    """Builds plain data only: looking up any name is an error, and so is what stands outside the pickle."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it names an object outside itself")


def unpack(text: str, where: str) -> Any:
    """The value of JSON text or, where it is not JSON, of packed text, which may be a pickle of JSON text again.

    Raises DataError that names `where` for anything else.
    """
    found = _json(text)
    if found is not None:
        return found
    try:
        packed = zlib.decompressobj()
        data = packed.decompress(base64.b64decode(text, validate=True), LARGEST)
        if packed.unconsumed_tail or not packed.eof:
            raise ValueError(f"it is cut off, or larger than {LARGEST >> 20} MiB")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise DataError(f"{where}: expected JSON, or packed test cases (base64, zlib, pickle): {error}") from None
    try:
        _look_over(data)
        value = _PlainData(io.BytesIO(data)).load()
    except pickle.UnpicklingError as error:
        raise DataError(f"{where}: this pickle is not loaded: {error}; expected plain data") from None
    except Exception as error:  # a damaged pickle raises whatever its opcodes stumble over
        raise DataError(f"{where}: this pickle cannot be read ({type(error).__name__}: {error})") from None
    return (_json(value) or value) if isinstance(value, str) else value


def _look_over(data: bytes) -> None:
    """Raises ValueError where a step claims more bytes than there are, UnpicklingError for too many steps."""
    for number, (step, argument, _) in enumerate(pickletools.genops(data)):
        keeps_at = argument if "PUT" in step.name and isinstance(argument, int) else 0
        if max(number, keeps_at) > STEPS:
            raise pickle.UnpicklingError(f"it takes more than {STEPS:,} steps or places")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
