"""The page *Change*: a form for changes that owners make in a flow."""
