"""Fail where a page of a folder asks another host, plain links apart, or links to what is not there."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

root = Path(sys.argv[1])
# Where a browser fetches what these name by itself.
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
NOT_FETCHED = {"canonical", "next", "prev", "search", "index"}


class Page(HTMLParser):
    """Keeps what a page fetches and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched, self.links = [], []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        given = dict(attrs)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag in FETCHED and given.get(FETCHED[tag]) and given.get("rel") not in NOT_FETCHED:
            self.fetched.append(given[FETCHED[tag]])


bad, count = [], 0
for path in sorted(root.rglob("*.html")):
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    count += 1
    bad += [
        f"{path.relative_to(root)} fetches {each}"
        for each in page.fetched
        if "//" in each.partition("?")[0][:8]
    ]
    for link in page.links:
        target = unquote(link.partition("#")[0])
        is_own = target and "://" not in target and not target.startswith(("mailto:", "data:"))
        if is_own and not (path.parent / target).exists():
            bad.append(f"{path.relative_to(root)} links to {link}, which is not there")
print(f"{count} pages, {len(bad)} of their requests or links are wrong", *bad, sep="\n")
sys.exit(not count or bool(bad))
