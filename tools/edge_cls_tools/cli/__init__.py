"""The workstation's commands: one file each. They load what they need when they are called, and not before."""
