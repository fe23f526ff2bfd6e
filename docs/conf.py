"""How Sphinx builds these pages: `make docs`, strictly. Only references to libraries' types are let through."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from edge_cls.version import __version__

project = "edge-cls"
author = "the edge-cls authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "_ext.generated_pages"]
exclude_patterns = ["_ext"]
html_theme = "furo"
html_show_copyright = False
html_title = f"edge-cls {version}"

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
# Pages of other projects are not fetched, so their types are not links.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|NDArray|pathlib|Path|os|PathLike|collections|typing|Any|Self|types)(\..*)?")
]
