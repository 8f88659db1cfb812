"""The harness itself: the proxy knows each kind of call by words that only its statements say."""

from __future__ import annotations

from pathlib import Path

from acceptance.wire import KINDS, Conversation, Frames

SQL = Path(__file__).resolve().parents[3] / "src" / "store" / "postgres" / "sql"
SPELT = {
    "enqueue": {"enqueue", "enqueue_one"},
    "hand_off": {"hand_off", "hand_off_one"},
    "claim": {"claim", "claim_in_queues", "claim_suspect"},
}


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def after(*said: bytes) -> Conversation:
    talk = Conversation()
    for one in (message(b"", b"\0\3\0\0"), *said):
        talk.said(one)
    return talk


def spelt(file: Path) -> str:
    return file.read_text().replace("/*schema*/", '"schema".')


def test_each_kind_is_known_by_words_of_its_own_statements_alone() -> None:
    saying = {kind.name: {file.stem for file in SQL.glob("*.sql") if kind.means(spelt(file))} for kind in KINDS}
    assert saying == {kind.name: SPELT.get(kind.name, {kind.name}) for kind in KINDS}


def test_messages_are_found_wherever_the_stream_was_cut() -> None:
    stream = message(b"", b"\0\3\0\0") + message(b"Q", b"begin\0") + message(b"S", b"")
    for cut in range(len(stream)):
        frames = Frames(client=True)
        found = frames.feed(stream[:cut]) + frames.feed(stream[cut:])
        assert b"".join(found) == stream
        assert len(found) == 3


def test_a_commit_is_told_with_what_its_transaction_changed() -> None:
    ready, begun, committed = message(b"Z", b"T"), message(b"C", b"BEGIN\0"), message(b"C", b"COMMIT\0")
    claim = next(kind for kind in KINDS if kind.name == "claim")
    talk = after(
        message(b"Q", b"begin\0"),
        message(b"P", b"\0update x " + claim.says[0].encode() + b"\0\0\0"),
        message(b"B", b"\0\0\0\0\0\0\0\0"),
        message(b"S", b""),
        message(b"Q", b"commit\0"),
    )
    told = [talk.answered(said) for said in (ready, begun, ready, message(b"C", b"UPDATE 3\0"), ready)]
    assert not any(told)
    assert talk.answered(committed)
    assert talk.done == {"claim": 3}


def test_a_statement_kept_by_name_is_a_commit_of_its_own() -> None:
    finish = next(kind for kind in KINDS if kind.name == "finish")
    talk = after(
        message(b"P", b"s0\0update x " + finish.says[0].encode() + b"\0\0\0"),
        message(b"S", b""),
        message(b"B", b"\0s0\0\0\0\0\0\0\0"),
        message(b"S", b""),
    )
    assert talk.expects({"finish"})
    told = [talk.answered(said) for said in (message(b"Z", b"I"), message(b"Z", b"I"), message(b"C", b"UPDATE 3\0"))]
    assert not any(told)
    assert talk.answered(message(b"Z", b"I"))
    assert talk.done == {"finish": 3}
