"""What an editor of flows needs, for the console and the language server: texts, issues and pictures."""
