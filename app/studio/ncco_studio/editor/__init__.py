"""What an editor of flows needs, for the console: texts, issues and pictures."""
