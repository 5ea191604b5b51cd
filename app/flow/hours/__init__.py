"""Opening hours: `hours:` of a flow or of the shared parts, and what flows see of them."""
