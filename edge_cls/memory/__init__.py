"""The memory of taught examples."""
