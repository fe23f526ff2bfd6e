"""Other people's models: read an export as its maker left it, and write a model of ours."""
