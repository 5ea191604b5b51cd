"""What each webhook does to a call: CallService and its parts. They use the store, engine, network and clock."""
