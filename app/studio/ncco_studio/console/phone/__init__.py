"""The page *Phone*: calls on a virtual Vonage, played in a subprocess."""
