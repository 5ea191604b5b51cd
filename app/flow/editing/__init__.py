"""What an editor asks about flow files: completion, definitions, renaming, quick fixes."""
