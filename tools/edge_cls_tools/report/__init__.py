"""Reports for a browser: one self-contained HTML file each, that can be mailed and opened without a network."""
