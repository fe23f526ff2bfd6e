"""Model files: what they hold, how they are opened, checked and imported."""
