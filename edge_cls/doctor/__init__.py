"""Looks a device over: one small check a fact, each with the command that mends what it finds."""
