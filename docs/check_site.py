"""Open every page of the built site in headless Chromium, and say what is wrong.

    python docs/check_site.py docs/_build/html

It fails on errors in the console, on files that cannot be loaded or would come from a network, on
links and anchors that lead nowhere, on images that show nothing, and on pages of ``gallery/plot_*``
that have no figure. Links out of the site are looked at but not followed.
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

# Images that wait to be scrolled to are loaded at once.
LOOK = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.all([...document.images].map(image => image.complete ||
    new Promise(done => { image.onload = image.onerror = done; })));
  await document.fonts.ready;
  return {
    anchors: [...document.querySelectorAll("[id], a[name]")].map(found => found.id || found.name),
    links: [...document.querySelectorAll("a[href]")].map(
      found => [found.getAttribute("href"), found.href]),
    empty_images: [...document.images].filter(image => !image.naturalWidth).map(
      image => image.getAttribute("src")),
    figures: document.querySelectorAll(".sphx-glr-single-img, .sphx-glr-multi-img").length,
  };
}"""


class Link(NamedTuple):
    """A link as it was written, and the address that it leads to."""

    written: str
    address: str


class Page(NamedTuple):
    """What a page offers to links, where its own links lead, and what is wrong with it."""

    anchors: set[str]
    links: list[Link]
    faults: list[str]


def find_chromium() -> str | None:
    """Return the path of a Chromium that is installed, or None."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def _only_files(route: Route) -> None:
    if urlsplit(route.request.url).scheme == "file":
        route.continue_()
    else:
        route.abort()


def _open(browser: Browser, path: Path) -> Page:
    faults = []
    page = browser.new_page()
    page.route("**/*", _only_files)
    page.on("console", lambda m: faults.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"cannot be loaded: {request.url}"))
    page.goto(path.as_uri())
    found = page.evaluate(LOOK)
    page.close()
    faults += [f"shows nothing: image {source}" for source in found["empty_images"]]
    if path.match("gallery/plot_*.html") and not found["figures"]:
        faults.append("has no figure")
    links = [Link(*link) for link in found["links"]]
    return Page(set(found["anchors"]), links, faults)


def _fault_of(link: Link, pages: dict[Path, Page], folder: Path) -> str | None:
    parts = urlsplit(link.address)
    if parts.scheme == "file":
        target = Path(unquote(parts.path))
        if not (target.is_file() and target.is_relative_to(folder)):
            return "leads to no file of the site"
        anchor = unquote(parts.fragment)
        if anchor and target in pages and anchor not in pages[target].anchors:
            return "leads to no anchor"
        return None
    if parts.scheme in ("http", "https"):
        return None if urlsplit(link.written).hostname and " " not in link.written else "no host"
    if parts.scheme == "mailto":
        return None if "@" in parts.path else "no address"
    return "neither a file nor a page of the web"


def look_at(folder: Path, chromium: str) -> dict[Path, Page]:
    """Open all pages of a folder but those that a theme brings.

    Parameters
    ----------
    folder : Path
        Where the site was built.
    chromium : str
        The browser, as `find_chromium` gives it.

    Returns
    -------
    dict
        The pages by path.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        paths = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
        pages = {path: _open(browser, path) for path in paths}
        browser.close()
    return pages


def faults_of(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield a line for each fault of the pages that `look_at` found in a folder."""
    for path, page in pages.items():
        name = path.relative_to(folder)
        yield from (f"{name}: {fault}" for fault in page.faults)
        for link in page.links:
            fault = _fault_of(link, pages, folder)
            if fault:
                yield f"{name}: link {link.written}: {fault}"


def main() -> int:
    """Check the folder that the command line names; return the exit code."""
    folder = Path(sys.argv[1]).resolve()
    chromium = find_chromium()
    if chromium is None:
        print(f"No Chromium is installed: none of {', '.join(CHROMIUM)} is found.", file=sys.stderr)
        return 2
    pages = look_at(folder, chromium)
    if not pages:
        print(f"No page in {folder}: build the site first.", file=sys.stderr)
        return 2
    faults = list(faults_of(folder, pages))
    print(*faults, sep="\n", end="\n" if faults else "")
    n_links = sum(len(page.links) for page in pages.values())
    print(f"{len(pages)} pages, {n_links} links: {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
