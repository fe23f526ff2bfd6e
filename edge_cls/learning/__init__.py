"""Learning from a few examples: heads, open-set rejection, advice."""
