"""Benchmarks for development: they compare edge-cls with other libraries and make the tables of the documents.

They are neither in the wheel nor commands of `edge-cls`. Run a script by its path: `python tools/benchmarks/memory.py`.
"""
