"""The templates of pages, in Jinja2; all text is escaped."""

import functools
from typing import Any

import jinja2
from markupsafe import Markup

from ada.web.style import PATH


@functools.cache
def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("ada.pages")
    return jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )


def block(name: str, *args: Any) -> Markup:
    """A part of a page: what a macro of `templates/blocks.html` makes of its arguments."""
    return Markup(getattr(_environment().get_template("blocks.html").module, name)(*args))


def document(**values: Any) -> str:
    """A whole page: `templates/page.html`."""
    return _environment().get_template("page.html").render(style=PATH.read_text("utf-8"), **values)
