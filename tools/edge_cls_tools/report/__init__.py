"""Reports as self-contained HTML files, which need no network and can be mailed."""
