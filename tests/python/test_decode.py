"""Payloads are read by the core as Python's own `json` reads them, or left to it."""

from __future__ import annotations

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_q._core import decode_payload

TEXT = st.text(st.characters(codec="utf-8"))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def by_python(payload: bytes) -> tuple[object, object, object]:
    parts = cast("dict[str, object]", json.loads(payload))
    return parts.get("args") or [], parts.get("kwargs") or {}, parts.get("metadata") or {}


@given(st.lists(VALUES), st.dictionaries(TEXT, VALUES), st.booleans(), st.sampled_from([None, 1]))
def test_what_is_read_is_what_python_reads(
    args: list[object], kwargs: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    payload = json.dumps({"args": args, "kwargs": kwargs}, ensure_ascii=ascii_only, indent=indent).encode()
    read = decode_payload(payload)
    # `repr` tells 1 from 1.0 and from True, 0.0 from -0.0, and one order of keys from another.
    assert read is None or repr(read) == repr(by_python(payload))


@given(st.text('{}[]",:\\u0eE+-. \n"tfn"argskwd12'))
def test_what_python_refuses_is_not_read(text: str) -> None:
    payload = b'{"args":[%s]}' % text.encode()
    read = decode_payload(payload)
    assert read is None or repr(read) == repr(by_python(payload))


@pytest.mark.parametrize(
    "args",
    [
        *["", "7", "-7", "0", "18446744073709551615", "1.5", "0.0", "1e3", "1E-3", "0.1"],
        *['"a"', '"\\u00e9\\n\\ud83d\\ude00"', '"é"'],
        *["true, false, null", "[], {}", '[1, [2, {"a": [3]}]]', '{"a": 1, "b": 2, "a": 3}', " 1 , 2 "],
    ],
)
def test_plain_json_is_read_by_the_core(args: str) -> None:
    payload = f' {{"args": [{args}], "kwargs": {{"k": 1}}, "metadata": null}} '.encode()
    read = decode_payload(payload)
    assert read is not None
    assert repr(read) == repr(by_python(payload))


@pytest.mark.parametrize("payload", [b"{}", b'{"args":null,"kwargs":null}', b'{"other":[1]}'])
def test_what_is_missing_is_empty(payload: bytes) -> None:
    assert decode_payload(payload) == ([], {}, {})


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"7", b"{", b"{} {}", b"{'args':[]}", b'{"args":{}}', b'{"args":[],"kwargs":[]}', b'{"args":0}']
    + [b'{"args":[%s]}' % odd for odd in (b"NaN", b"Infinity", b"01", b"1.", b".5", b"+1", b"1e", b"1,", b"\xff")]
    + [b'{"args":["%s"]}' % odd for odd in (b"\\ud800", b"\\x", b"\x01", b"\\")]
    + [b'{"args":[%s]}' % odd for odd in (b"-0", b"-0.0", b"1e999", b"1e300", b"1234567890123456789012")]
    + ['{"args":[]}'.encode("utf-16"), b'\xef\xbb\xbf{"args":[]}']
    + [b'{"args":%s}' % (b"[" * 10_000)],
)
def test_what_is_odd_is_left_to_python(payload: bytes) -> None:
    assert decode_payload(payload) is None
