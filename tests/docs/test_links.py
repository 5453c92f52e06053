"""Links of the documentation lead to files and headings that are there."""

import re
from pathlib import Path

import pytest
from support import ROOT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "ada/**/*.md", "tools/*.md", "tools/samples/*.md", "data_prep/**/*.md")
    for path in Path(ROOT).glob(pattern)
)


def anchors(path):
    """The anchors that GitHub makes of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = Path(ROOT, page)
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if re.match(r"https?:", link):
            continue
        target, _, anchor = link.partition("#")
        found = path.parent / target if target else path
        assert found.exists(), link
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), link


def test_samples_are_small_and_their_licence_is_noted():
    folder = Path(ROOT, "tools", "samples")
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 6e6
    text = (folder / "README.md").read_text("utf-8")
    for card in Path(ROOT, "ada", "pretrained").glob("*/card.md"):
        section = text.split(f"## {card.parent.name}\n")[1].split("\n## ")[0]
        licence = re.search(r"weights are given under[^[]*\[([^\]]+)\]", card.read_text("utf-8"))[1]
        assert f"{licence}." in section
        assert all((card.parent.name + "/") in link for link in re.findall(r"\]\((.+?)\)", section))
