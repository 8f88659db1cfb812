"""Frames between a pod and its children: however the pipe cuts them, they come out whole."""

from __future__ import annotations

import pytest

from fleet_q.frames import Frame, Frames, framed, number, text

SENT: list[Frame] = [
    ({"kind": "run", "slot": 1, "message": "\ud800 \0 grün"}, b"\0\xff"),
    ({"kind": "stop"}, b""),
    ({}, b"x" * 3000),
]


@pytest.mark.parametrize("piece", [1, 7, 8, 100, 1 << 20])
def test_frames_come_out_whole_however_they_are_cut(piece: int) -> None:
    stream = b"".join(framed(head, body) for head, body in SENT)
    frames = Frames()
    came = [frame for at in range(0, len(stream), piece) for frame in frames.feed(stream[at : at + piece])]
    assert came == SENT


def test_a_field_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="slot"):
        number({"slot": "one"}, "slot")
    with pytest.raises(TypeError, match="task"):
        text({"task": 1}, "task")
