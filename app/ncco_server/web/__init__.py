"""The web layer: webhooks in, NCCOs out."""

from __future__ import annotations

from ncco_server.web.app import create_app

__all__ = ["create_app"]
