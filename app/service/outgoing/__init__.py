"""How this server reaches others, for look-ups and hooks: which addresses, over which connections."""
