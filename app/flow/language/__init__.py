"""The flow language: what every map of a flow file may hold, and what it means."""
