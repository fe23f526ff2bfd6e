"""The pages: every link has a target, and the README is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").glob("*.md")])


def prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the names of the headings of a page in links, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_internal_link_has_a_target(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_a_table_of_contents() -> None:
    for index in (ROOT / "docs").rglob("index.md"):
        text = index.read_text()
        for page in index.parent.glob("*.md"):
            assert page == index or page.stem in text or "[0-9]*" in text, page


def test_the_readme_has_at_most_900_words() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 900


@pytest.mark.parametrize(
    "path",
    [
        "edge_cls/panels/debounce.py",
        "edge_cls/model/model.py",
        "edge_cls/runtime/commands.py",
        "edge_cls/model/labels_file.py",
        "edge_cls/runtime/states.py",
        "edge_cls/app/application.py",
    ],
)
def test_the_readme_links_to_the_files_that_newcomers_need(path: str) -> None:
    room, _, file = path.rpartition("/")
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(f"| `{room}`"))
    assert file in row
    assert (ROOT / path).is_file()


def test_every_room_is_in_the_readme() -> None:
    rooms = {path.parent.name for path in (ROOT / "edge_cls").glob("*/__init__.py")}
    text = (ROOT / "README.md").read_text()
    assert {room for room in rooms if f"`{room}`" not in text and f"`edge_cls/{room}`" not in text} == set()


def test_no_page_installs_edge_cls_from_the_index() -> None:
    """The name on the index is not ours."""
    assert [page for page in PAGES if re.search(r"pip install '?edge-cls", page.read_text())] == []
