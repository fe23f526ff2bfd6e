"""Memories as other things, and back: folders of photos, arrays for numpy, copies of the database."""
