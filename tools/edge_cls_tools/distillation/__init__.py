"""A small backbone learns, from random weights, to see as a large one does."""
