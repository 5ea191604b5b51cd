"""The kinds of values that options take: how each is checked, read and described."""
