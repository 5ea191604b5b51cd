"""Places calls: which requests are valid, when attempts may be made, what follows them, and who makes them."""
