from __future__ import annotations

import pytest

from ncco_server.desk.output import Progress


def test_progress_is_shown_from_the_first_second_and_then_once_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    times = [number / 10 for number in range(31)]
    now = [0.0]
    progress = Progress(lambda: now[0])
    for now[0] in times:
        progress.tell(f"{now[0]}")

    assert ["0.3", "1.3", "2.3"] == capsys.readouterr().err.split()
