"""The TFLite file format: FlatBuffers, graphs and metadata."""
