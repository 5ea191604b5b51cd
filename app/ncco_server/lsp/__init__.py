"""The language server, which supports flows, templates and scenario files in editors other than the console's."""
