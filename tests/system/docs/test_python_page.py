"""The page about Python has what the package exports."""

from __future__ import annotations

from typing import Any

import ncco_server
import ncco_server.ncco
from tests.support.cases import each_case
from tests.system.docs.python_page import PAGE, page


def test_the_page_is_that_of_the_code() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run `make docs`"


@each_case("package", [ncco_server, ncco_server.ncco], ids=lambda package: package.__name__)
def test_every_exported_name_is_on_the_page(package: Any) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [] == [name for name in package.__all__ if f"`{name}`" not in text]
