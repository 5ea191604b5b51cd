"""What comes of a proof: what is told of it, and the scenarios that are written."""
