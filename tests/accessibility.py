"""Pages as people with various eyes, hands and devices have them: checks by axe-core."""

import pytest

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
# Elements whose content is wider than they are, or that reach beyond the window.
_CUT_OFF = """
  () => [...document.querySelectorAll("body :not(thead *)")].filter((e) => {
    const box = e.getBoundingClientRect();
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
    return box.width > 1 && (box.right > innerWidth + 1
      || (scrolls && e.matches(".table") && e.scrollWidth > e.clientWidth + 1));
  }).map((e) => e.outerHTML.slice(0, 200))
"""


def check(page):
    """Fails for what axe-core finds in either colour scheme, and for what a phone cuts off.

    Args:
      page: of Playwright, opened; it is of a desk's size afterwards.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is an extra")
    for size, scheme in ((PHONE, "light"), (DESK, "dark"), (PHONE, "dark"), (DESK, "light")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if size == PHONE:
            cut_off = page.evaluate(_CUT_OFF)
            assert not cut_off, cut_off
        found = axe.Axe().run(page).response["violations"]
        assert not found, [
            (rule["id"], node["html"][:200], node.get("failureSummary"))
            for rule in found
            for node in rule["nodes"]
        ]


def check_file(browser, path):
    """The same for a page on disk, opened in a browser of Playwright."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(path.absolute().as_uri())
        check(page)
    finally:
        context.close()
