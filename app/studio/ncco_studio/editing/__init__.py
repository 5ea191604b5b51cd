"""Answers an editor's questions about flow files: completion, definitions, renaming, quick fixes."""
