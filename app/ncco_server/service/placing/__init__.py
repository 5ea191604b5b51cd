"""Places calls: validates requests, decides when to make an attempt and what follows it, and makes the attempts."""
