"""CallService: answer, resume, record an event. The only room that knows store, engine, network and clock."""
