"""Packed test cases are read, and a pickle that would run something is not loaded."""

import base64
import json
import os
import pickle
import tracemalloc
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from assay.errors import DataError
from assay.tasks.code.packed import unpack

CASES = [{"input": "1 2\n", "output": "3", "testtype": "stdin"}]


def pack(value: Any, protocol: int | None = None) -> str:
    """As LiveCodeBench packs its private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


def packed_bytes(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


class MakesFolder:
    """Unpickling it makes a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def test_json_is_read() -> None:
    assert unpack(json.dumps(CASES), "here") == CASES


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read_from_a_pickle(protocol: int) -> None:
    assert unpack(pack(CASES, protocol), "here") == CASES
    assert unpack(pack(json.dumps(CASES), protocol), "here") == CASES
    assert unpack(pack({"a": (1, 2.5, None, True, b"x")}, max(3, protocol)), "here") == {
        "a": (1, 2.5, None, True, b"x")
    }


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_not_loaded(tmp_path: Path, protocol: int) -> None:
    """Loaded by pickle itself it does what it says."""
    seen, unseen = tmp_path / "seen", tmp_path / "unseen"
    pickle.loads(pickle.dumps(MakesFolder(str(seen)), protocol))
    assert seen.is_dir()
    with pytest.raises(DataError, match=r"this pickle is not loaded: it names .*mkdir; expected plain data"):
        unpack(pack([MakesFolder(str(unseen))], protocol), "rows.jsonl, line 3")
    assert not unseen.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(V1\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"Pname\n.",
        b"\x82\x01.",
        b"\x8c\x02os\x8c\x06system\x93.",
        pickle.dumps(OrderedDict(a=1)),
        pickle.dumps(object()),
    ],
)
def test_no_name_is_looked_up(data: bytes) -> None:
    with pytest.raises(DataError, match="this pickle"):
        unpack(packed_bytes(data), "here")


@pytest.mark.parametrize(
    "text", ["", "no base64!", "AAAA", base64.b64encode(b"no zlib").decode(), pack(CASES)[:40], packed_bytes(b""),
             packed_bytes(b"garbage"), packed_bytes(b"\x80\x04]\x94"), packed_bytes(b"\x80\x04\x95"), "é"],
)  # fmt: skip
def test_what_cannot_be_unpacked_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl, line 3"):
        unpack(text, "rows.jsonl, line 3")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02Nr" + (1 << 24).to_bytes(4, "little") + b".",  # keeps None at a place, which makes all before it
        b"Np16777216\n.",
        b"\x80\x05\x96" + (1 << 26).to_bytes(8, "little") + b".",  # a bytearray of more than there is
        b"\x80\x04\x8e" + (1 << 26).to_bytes(8, "little") + b".",
        b"\x80\x02(" + b"]" * 1_000_001 + b"l.",  # a list of so many lists
    ],
)
def test_few_bytes_do_not_claim_many(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="this pickle"):
            unpack(packed_bytes(data), "here")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_what_unpacks_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.tasks.code.packed.LARGEST", 1000)
    with pytest.raises(DataError, match="it is cut off, or larger than"):
        unpack(pack("0" * 100_000), "here")
