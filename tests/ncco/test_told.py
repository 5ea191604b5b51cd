from __future__ import annotations

from app.ncco.models.told import told


class Base:
    inherited: int
    """Stands in the class
    above."""


class Told(Base):
    known: int
    """What it does."""
    silent: int
    other = 1
    """Belongs to nothing that is annotated."""


def test_the_text_under_a_field_is_told_on_one_line() -> None:
    assert ("What it does.", "Stands in the class above.") == (told(Told, "known"), told(Told, "inherited"))


def test_a_field_without_a_text_has_nothing_to_tell() -> None:
    assert ["", "", ""] == [told(Told, "silent"), told(Told, "other"), told(int, "real")]
