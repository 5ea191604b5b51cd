"""Recorded calls, read beside the server that records them: what there is to tell of them, and how it is shown."""
