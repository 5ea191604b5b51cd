"""The page *Change*: what owners change in a flow, as a form."""
