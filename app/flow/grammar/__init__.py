"""The parts of actions, opening hours and steps: the words of a map, values, locales, variables and targets."""
