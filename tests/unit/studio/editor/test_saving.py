"""Several consoles write to one folder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from ncco_studio.editor.project import CannotSave, ProjectFolder, digest_of

ROUNDS = 20


def test_of_two_consoles_that_save_one_version_only_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "flows/shop.yaml"
    path.parent.mkdir()
    path.write_text("first", encoding="utf-8")
    consoles = [ProjectFolder(tmp_path / "flows", tmp_path / "templates", {}, ()) for _ in range(2)]
    barrier = Barrier(2)

    def save(number: int) -> Sequence[str]:
        saved = []
        for each in range(ROUNDS):
            barrier.wait()
            digest = digest_of(path.read_text(encoding="utf-8"))
            barrier.wait()
            text = f"console {number}, round {each}"
            try:
                consoles[number].save("flows/shop.yaml", text, digest)
                saved.append(text)
            except CannotSave:
                continue
        return saved

    with ThreadPoolExecutor(2) as threads:
        saved = [text for texts in threads.map(save, range(2)) for text in texts]

    assert ROUNDS == len(saved)
