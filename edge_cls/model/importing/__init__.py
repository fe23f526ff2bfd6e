"""Import foreign models: read an export of another tool, and write it as a model file of edge-cls."""
