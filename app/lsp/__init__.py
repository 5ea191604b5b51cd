"""The language server, which shows flows, templates and scenario files in editors other than the console's."""
