"""The console: pages for people, with a phone in the browser. An application of its own, on a port of its own."""
