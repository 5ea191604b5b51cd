"""What people use at a desk: simulator, scenarios, proofs, pictures, editing, the language server and the console."""
