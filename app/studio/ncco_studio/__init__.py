"""What people use at a desk: simulator, scenarios, proofs, pictures and the console."""
