"""Sinks for messages: one module for each kind."""
