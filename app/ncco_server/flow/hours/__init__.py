"""Opening hours: `hours:` in a flow or in shared parts, and the values that flows get from `hours`."""
