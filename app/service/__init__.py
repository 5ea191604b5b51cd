"""What each webhook does to a call: CallService, and what it needs. Knows store, engine, network and clock."""
