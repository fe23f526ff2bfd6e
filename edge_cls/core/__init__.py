"""Pure functions and frozen values: numpy and the standard library only."""
