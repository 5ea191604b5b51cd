"""Places calls: validates requests, decides when to make attempts and what follows them, and makes them."""
