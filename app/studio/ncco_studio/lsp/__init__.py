"""The language server: flows, templates and scenario files in editors other than the console's."""
