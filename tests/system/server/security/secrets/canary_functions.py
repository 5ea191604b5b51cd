"""A flow author's functions that leak their argument wherever they can."""

from __future__ import annotations


def tell(pin: str) -> dict[str, str]:
    """Raise an error with the PIN in its message."""
    raise ValueError(f"{pin} is wrong")


def echo(pin: str) -> dict[str, str]:
    """Return the PIN in a text."""
    return {"text": f"You have keyed in {pin}."}
