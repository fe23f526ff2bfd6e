"""Interpreters: what runs a network."""
