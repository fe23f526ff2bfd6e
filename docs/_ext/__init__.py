"""Makes pages of the reference from the commands, the configuration and the dataclasses."""
