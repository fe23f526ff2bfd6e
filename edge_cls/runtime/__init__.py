"""The runtime: captures frames, classifies them, executes commands, and publishes messages."""
