"""What tests of written pages share: their tags, and what a safe page has none of."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.parts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())

    @property
    def names(self) -> set[str]:
        return {tag for tag, _ in self.all}

    @property
    def attributes(self) -> set[str]:
        return {name for _, attributes in self.all for name in attributes}

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.all if tag == name]


def needs_nothing(text: str) -> Tags:
    """Hold a page to have no script and to ask for nothing; gives its tags."""
    tags = Tags(text)
    assert "script" not in tags.names
    bad = {name for name in tags.attributes if name.startswith("on")}
    assert not bad | (tags.attributes & {"src", "style", "srcset", "action"})
    assert [link["href"] for link in tags.named("link")] == ["data:,"]
    [policy] = [m["content"] for m in tags.named("meta") if "http-equiv" in m]
    assert policy and policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy and "unsafe" not in policy
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    return tags
