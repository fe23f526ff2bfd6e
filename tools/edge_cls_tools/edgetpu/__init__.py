"""The Edge TPU: what would map, and the compiler held to its word."""
