"""Places calls: which requests are good, when an attempt may be made, what follows it, and who makes it."""
