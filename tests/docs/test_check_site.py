"""The check of the documentation's site finds what is wrong with a page."""

from __future__ import annotations

import base64

import pytest

pytest.importorskip("playwright", reason="playwright, of the extra 'docs', is not installed")

from docs.check_site import faults_of, find_chromium, look_at

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is found")

# An image of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
GOOD = (
    '<h1 id="top">A page</h1><img src="dot.png"><a href="other.html#part">in</a>'
    '<a href="#top">up</a><a href="https://example.org/a?b#c">out</a>'
)
# Pages by name: what stands on them, and the fault that is found.
WRONG = {
    "link": ('<a href="gone.html">x</a>', "link gone.html: leads to no file of the site"),
    "leaving": ('<a href="../out.html">x</a>', "link ../out.html: leads to no file of the site"),
    "anchor": ('<a href="other.html#gone">x</a>', "link other.html#gone: leads to no anchor"),
    "own_anchor": ('<a href="#gone">x</a>', "link #gone: leads to no anchor"),
    "host": ('<a href="https:///path">x</a>', "link https:///path: no host"),
    "mail": ('<a href="mailto:nobody">x</a>', "link mailto:nobody: no address"),
    "image": ('<img src="gone.png">', "shows nothing: image gone.png"),
    "lazy_image": (
        '<div style="height: 9999px"></div><img src="gone.png" loading="lazy">',
        "shows nothing: image gone.png",
    ),
    "console": ('<script>console.error("trouble")</script>', "console: trouble"),
    "script": ("<script>nothing()</script>", "script: nothing is not defined"),
    "network": (
        '<script src="https://cdn.invalid/x.js"></script>',
        "cannot be loaded: https://cdn.invalid/x.js",
    ),
    "style": ('<link rel="stylesheet" href="gone.css">', "cannot be loaded: SITE/gone.css"),
    "gallery/plot_nothing": ("text", "has no figure"),
}
RIGHT = {
    "good": GOOD,
    "other": '<h1 id="part">Another</h1>',
    "gallery/plot_it": '<img class="sphx-glr-single-img" src="../dot.png">',
    "gallery/without": "text",
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    """Check one site with all these pages; return what was found on each."""
    folder = tmp_path_factory.mktemp("outside") / "site"
    (folder / "gallery").mkdir(parents=True)
    (folder.parent / "out.html").touch()
    (folder / "dot.png").write_bytes(PIXEL)
    for name, body in {**RIGHT, **{name: GOOD + body for name, (body, _) in WRONG.items()}}.items():
        depth = "../" * name.count("/")
        text = body.replace('src="dot', f'src="{depth}dot').replace('"other', f'"{depth}other')
        (folder / f"{name}.html").write_text(f"<!DOCTYPE html><body>{text}</body>")
    found = {name: [] for name in {**RIGHT, **WRONG}}
    for line in faults_of(folder, look_at(folder, CHROMIUM)):
        page, fault = line.split(".html: ", 1)
        found[page].append(fault.replace(folder.as_uri(), "SITE"))
    return found


@pytest.mark.parametrize("name", RIGHT)
def test_a_page_without_faults_has_none(name, faults):
    assert faults[name] == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_page_is_named(name, faults):
    assert WRONG[name][1] in faults[name]
    # Beside it, only what the browser says of a file that it could not load.
    others = [fault for fault in faults[name] if fault != WRONG[name][1]]
    assert all("gone." in f or "Failed to load resource" in f for f in others)
