"""What comes of a run of scenarios: what is told at its end, and the files that are written."""
