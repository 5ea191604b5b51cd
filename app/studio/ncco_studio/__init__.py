"""What people use at a desk: simulator, scenarios, proofs, pictures, editing and the console."""
