"""What others publish, and what users have, as a folder a class."""
