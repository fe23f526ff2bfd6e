"""How fast, and how small, the parts of the device are, against what others offer for the same."""
