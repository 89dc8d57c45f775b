import pytest

from sleuth import progress
from sleuth.progress import bar


def test_the_estimate_leaves_out_what_was_done_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now_s))
    with bar("warm start", 100, before=80) as advance:
        advance(1)  # a twentieth of what was left: too early to tell
        advance(4)  # 5 in 40 s, 15 to go
    assert capsys.readouterr().err == "warm start: 81/100\nwarm start: 85/100, about 2:00 left\n"
