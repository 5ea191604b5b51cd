"""What an editor of flows needs: texts, their issues and pictures. The console and the language server use it."""
