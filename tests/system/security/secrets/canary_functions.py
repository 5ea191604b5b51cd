"""A function of a flow's author that tells what it was given wherever it can."""

from __future__ import annotations


def tell(pin: str) -> dict[str, str]:
    """Raises, with the PIN in its text."""
    raise ValueError(f"{pin} is wrong")


def echo(pin: str) -> dict[str, str]:
    """Gives back what it was given."""
    return {"text": f"You have keyed in {pin}."}
