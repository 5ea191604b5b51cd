"""The language server: what editors other than the console's show of flows, templates and scenario files."""
