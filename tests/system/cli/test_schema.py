"""`ncco schema`: its schemas accept what is valid and reject what is not."""

from __future__ import annotations

from pathlib import Path

from tests.system.cli.projects import SHOP, TYPO, ncco, write_project


def test_names_of_the_project_are_offered_unless_plain(tmp_path: Path) -> None:
    write_project(tmp_path, shop=SHOP)

    assert '"menu",\n' in ncco("schema", "flow").stdout
    assert '"menu",\n' not in ncco("schema", "flow", "--plain").stdout


def test_names_of_a_project_with_errors_are_offered_too(tmp_path: Path) -> None:
    write_project(tmp_path / "a", shop=TYPO)

    assert '"menu",\n' in ncco("schema", "flow", "--flows", "a/flows").stdout
