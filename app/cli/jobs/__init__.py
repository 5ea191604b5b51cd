"""What the commands do; imported when a command has been called, not before."""
