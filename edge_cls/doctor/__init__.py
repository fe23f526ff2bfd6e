"""Checks of a device, each with the command that fixes a problem."""
