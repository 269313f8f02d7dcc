"""Progress of long work: plain lines if stderr is not a terminal, with what is done, how far, and how long still."""

import pytest

from condvae import progress as module
from condvae.progress import announce, progress

SECONDS_PER_STEP = 4


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_ten_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Encoding images", 1000) as advance:
        for _ in range(10):
            clock[0] += SECONDS_PER_STEP
            advance(100)
    captured = capsys.readouterr()
    assert captured.out == "", "results alone go to standard output"
    assert captured.err.splitlines() == [
        "Encoding images: 300 of 1,000 images, about 28 s left",
        "Encoding images: 600 of 1,000 images, about 16 s left",
        "Encoding images: 900 of 1,000 images, about 4 s left",
    ]


def test_what_was_done_before_is_not_taken_for_speed(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Drawing", 10_000, "things", done=9000) as advance:
        clock[0] += 100
        advance(100)
    assert capsys.readouterr().err == "Drawing: 9,100 of 10,000 things, about 15 min left\n"


def test_quick_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("Drawing", 2) as advance:
        advance(1)
        advance(1)
    assert capsys.readouterr().err == ""
    announce("Copying")
    assert capsys.readouterr().err == "Copying ...\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress("Drawing", 4) as advance:
        advance(4)
    shown = capsys.readouterr().err
    assert "Drawing:" in shown
    assert "0.00/4.00" in shown
