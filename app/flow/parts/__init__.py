"""What a step plays: the items of `do`, each kind in a file of its own."""
