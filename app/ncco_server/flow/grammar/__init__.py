"""The words of maps, values, locales, variables and targets."""
