"""The Edge TPU: which operators of a model it supports, and compiling a model for it."""
