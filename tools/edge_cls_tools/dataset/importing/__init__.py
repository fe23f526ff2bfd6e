"""Converting published data sets and exports of other tools to a folder per class."""
