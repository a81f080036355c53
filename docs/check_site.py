"""Check every page of the built website in headless Chromium.

    python docs/check_site.py docs/_build/html

Reports console errors, files that fail to load or would be loaded from a network, broken links
and anchors, empty images, and ``gallery/plot_*`` pages without a figure. External links are
checked for syntax but not followed.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Browser, Route, sync_playwright

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# Loads lazy images immediately.
INSPECT = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map(image => image.complete ||
    new Promise(done => { image.onload = image.onerror = done; })));
  await document.fonts.ready;
  return {
    anchors: [...document.querySelectorAll("[id], a[name]")].map(node => node.id || node.name),
    links: [...document.querySelectorAll("a[href]")].map(
      node => [node.getAttribute("href"), node.href]),
    empty_images: [...document.images].filter(image => !image.naturalWidth).map(
      image => image.getAttribute("src")),
    figures: document.querySelectorAll(".sphx-glr-single-img, .sphx-glr-multi-img").length,
  };
}"""


class Link(NamedTuple):
    """A link as written in the page, and the address it resolves to."""

    written: str
    address: str


class Page(NamedTuple):
    """Anchors and links of a page, and its errors."""

    anchors: set[str]
    links: list[Link]
    errors: list[str]


def find_chromium() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def _block_network(route: Route) -> None:
    if urlsplit(route.request.url).scheme == "file":
        route.continue_()
    else:
        route.abort()


def _inspect(browser: Browser, path: Path) -> Page:
    errors = []
    page = browser.new_page()
    page.route("**/*", _block_network)
    page.on("console", lambda m: errors.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(f"script: {error}"))
    page.on("requestfailed", lambda request: errors.append(f"failed to load: {request.url}"))
    page.goto(path.as_uri())
    content = page.evaluate(INSPECT)
    page.close()
    errors += [f"empty image: {source}" for source in content["empty_images"]]
    if path.match("gallery/plot_*.html") and not content["figures"]:
        errors.append("no figure")
    links = [Link(*link) for link in content["links"]]
    return Page(set(content["anchors"]), links, errors)


def _link_error(link: Link, pages: dict[Path, Page], folder: Path) -> str | None:
    parts = urlsplit(link.address)
    if parts.scheme == "file":
        target = Path(unquote(parts.path))
        if not (target.is_file() and target.is_relative_to(folder)):
            return "no such file in the site"
        anchor = unquote(parts.fragment)
        if anchor and target in pages and anchor not in pages[target].anchors:
            return "no such anchor"
        return None
    if parts.scheme in ("http", "https"):
        return None if urlsplit(link.written).hostname and " " not in link.written else "no host"
    if parts.scheme == "mailto":
        return None if "@" in parts.path else "no address"
    return "unknown scheme"


def inspect_pages(folder: Path, chromium: str) -> dict[Path, Page]:
    """Open all pages of a folder, except those of the theme.

    Parameters
    ----------
    folder : Path
        Folder of the built site.
    chromium : str
        Path of the browser, as returned by `find_chromium`.

    Returns
    -------
    dict
        Pages by path.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
        pages = {path: _inspect(browser, path) for path in paths}
        browser.close()
    return pages


def find_errors(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield a line for each error in the pages returned by `inspect_pages`."""
    for path, page in pages.items():
        name = path.relative_to(folder)
        yield from (f"{name}: {error}" for error in page.errors)
        for link in page.links:
            error = _link_error(link, pages, folder)
            if error:
                yield f"{name}: link {link.written}: {error}"


def main() -> int:
    """Check the folder given on the command line and return the exit code."""
    folder = Path(sys.argv[1]).resolve()
    chromium = find_chromium()
    if chromium is None:
        print(f"Chromium is not installed; looked for {', '.join(CHROMIUM)}.", file=sys.stderr)
        return 2
    pages = inspect_pages(folder, chromium)
    if not pages:
        print(f"No pages in {folder}; build the site first.", file=sys.stderr)
        return 2
    errors = list(find_errors(folder, pages))
    print(*errors, sep="\n", end="\n" if errors else "")
    n_links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages, {n_links} links, {len(errors)} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
