"""What actions, opening hours and steps are made of: the words of a map, values, locales, variables and targets."""
