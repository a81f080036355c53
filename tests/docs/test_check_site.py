"""The website check reports errors in pages."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("playwright", reason="playwright (extra 'docs') is not installed")

from docs.check_site import find_chromium, find_errors, inspect_pages

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# A one-pixel image.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
GOOD = (
    '<h1 id="top">A page</h1><img src="dot.png"><a href="other.html#part">in</a>'
    '<a href="#top">up</a><a href="https://example.org/a?b#c">out</a>'
)
# Content and expected error of invalid pages.
INVALID = {
    "link": ('<a href="gone.html">x</a>', "link gone.html: no such file in the site"),
    "leaving": ('<a href="../out.html">x</a>', "link ../out.html: no such file in the site"),
    "anchor": ('<a href="other.html#gone">x</a>', "link other.html#gone: no such anchor"),
    "own_anchor": ('<a href="#gone">x</a>', "link #gone: no such anchor"),
    "host": ('<a href="https:///path">x</a>', "link https:///path: no host"),
    "mail": ('<a href="mailto:nobody">x</a>', "link mailto:nobody: no address"),
    "image": ('<img src="gone.png">', "empty image: gone.png"),
    "lazy_image": (
        '<div style="height: 9999px"></div><img src="gone.png" loading="lazy">',
        "empty image: gone.png",
    ),
    "console": ('<script>console.error("trouble")</script>', "console: trouble"),
    "script": ("<script>nothing()</script>", "script: nothing is not defined"),
    "network": (
        '<script src="https://cdn.invalid/x.js"></script>',
        "failed to load: https://cdn.invalid/x.js",
    ),
    "style": ('<link rel="stylesheet" href="gone.css">', "failed to load: SITE/gone.css"),
    "gallery/plot_nothing": ("text", "no figure"),
}
VALID = {
    "good": GOOD,
    "other": '<h1 id="part">Another</h1>',
    "gallery/plot_it": '<img class="sphx-glr-single-img" src="../dot.png">',
    "gallery/without": "text",
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Check a site with all these pages and return the errors of each page."""
    folder = tmp_path_factory.mktemp("outside") / "site"
    (folder / "gallery").mkdir(parents=True)
    (folder.parent / "out.html").touch()
    (folder / "dot.png").write_bytes(PIXEL)
    for name, body in {
        **VALID,
        **{name: GOOD + body for name, (body, _) in INVALID.items()},
    }.items():
        depth = "../" * name.count("/")
        text = body.replace('src="dot', f'src="{depth}dot').replace('"other', f'"{depth}other')
        (folder / f"{name}.html").write_text(f"<!DOCTYPE html><body>{text}</body>")
    errors = {name: [] for name in {**VALID, **INVALID}}
    for line in find_errors(folder, inspect_pages(folder, CHROMIUM)):
        page, error = line.split(".html: ", 1)
        errors[page].append(error.replace(folder.as_uri(), "SITE"))
    return errors


@pytest.mark.parametrize("name", VALID)
def test_valid_pages_have_no_errors(name, errors):
    assert errors[name] == []


@pytest.mark.parametrize("name", INVALID)
def test_invalid_pages_have_the_expected_error(name, errors):
    assert INVALID[name][1] in errors[name]
    # The browser itself may also report files that failed to load.
    others = [error for error in errors[name] if error != INVALID[name][1]]
    assert all("gone." in error or "Failed to load resource" in error for error in others)
