"""The parts of `ncco simulate`: the line to a server, what a person types, what a person sees, and what is kept."""
