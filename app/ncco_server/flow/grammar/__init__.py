"""The parts of actions, opening hours and steps: the words of maps, values, locales, variables and targets."""
