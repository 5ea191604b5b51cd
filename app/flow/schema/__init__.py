"""The JSON Schema of flow files, for editors."""

from __future__ import annotations

from app.flow.schema.document import flow_schema
from app.flow.schema.names import Names, names_in

__all__ = ["Names", "flow_schema", "names_in"]
