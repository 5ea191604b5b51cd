"""The console: pages for people, with a phone in the browser. A separate application on its own port."""
