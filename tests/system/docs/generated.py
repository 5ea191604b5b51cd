"""Writes the generated pages, tables and pictures: `make docs`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.system.docs import (
    commands_page,
    data_page,
    errors_page,
    filters_table,
    options_page,
    platform_page,
    prove_picture,
    python_page,
    settings_pages,
    voices_page,
)

GENERATED: Final[Mapping[Path, Callable[[], str]]] = {
    errors_page.PAGE: errors_page.page,
    settings_pages.PAGE: settings_pages.page,
    settings_pages.EXAMPLE: settings_pages.example,
    commands_page.PAGE: commands_page.page,
    options_page.PAGE: options_page.page,
    voices_page.PAGE: voices_page.page,
    platform_page.PAGE: platform_page.page,
    python_page.PAGE: python_page.page,
    data_page.PAGE: data_page.page,
    filters_table.PAGE: filters_table.page,
    prove_picture.PAGE: prove_picture.page,
}

if __name__ == "__main__":
    for path, text in GENERATED.items():
        path.write_text(text(), encoding="utf-8")
