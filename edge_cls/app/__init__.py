"""The application: opens everything that the configuration names, and runs it."""
