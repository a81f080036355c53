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


def _faults(folder, **pages):
    (folder / "gallery").mkdir()
    (folder / "dot.png").write_bytes(PIXEL)
    (folder / "other.html").write_text('<h1 id="part">Another</h1>')
    for name, body in pages.items():
        path = folder / f"{name.replace('__', '/')}.html"
        path.write_text(f"<!DOCTYPE html><html><body>{body}</body></html>")
    return list(faults_of(folder, look_at(folder, CHROMIUM)))


def test_a_site_without_faults_has_none(tmp_path):
    figure = '<img class="sphx-glr-single-img" src="../dot.png">'
    assert _faults(tmp_path, page=GOOD, gallery__plot_it=figure, gallery__other="text") == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">x</a>', "page.html: link gone.html: leads to no file of the site"),
        (
            '<a href="../out.html">x</a>',
            "page.html: link ../out.html: leads to no file of the site",
        ),
        ('<a href="other.html#gone">x</a>', "page.html: link other.html#gone: leads to no anchor"),
        ('<a href="#gone">x</a>', "page.html: link #gone: leads to no anchor"),
        ('<a href="https:///path">x</a>', "page.html: link https:///path: no host"),
        ('<a href="mailto:nobody">x</a>', "page.html: link mailto:nobody: no address"),
        ('<img src="gone.png">', "page.html: shows nothing: image gone.png"),
        ('<img src="gone.png" loading="lazy">', "page.html: shows nothing: image gone.png"),
        ('<script>console.error("trouble")</script>', "page.html: console: trouble"),
        ("<script>nothing()</script>", "page.html: script: nothing is not defined"),
        (
            '<script src="https://cdn.invalid/x.js"></script>',
            "page.html: cannot be loaded: https://cdn.invalid/x.js",
        ),
    ],
)
def test_what_is_wrong_with_a_page_is_named(body, fault, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "out.html").touch()
    assert fault in _faults(tmp_path / "site", page=GOOD + body)


def test_a_style_sheet_that_is_missing_is_named(tmp_path):
    (fault, *_) = _faults(tmp_path, page='<link rel="stylesheet" href="gone.css">')
    assert fault == f"page.html: cannot be loaded: {(tmp_path / 'gone.css').as_uri()}"


def test_a_plotted_example_needs_a_figure(tmp_path):
    assert _faults(tmp_path, gallery__plot_it="text") == ["gallery/plot_it.html: has no figure"]
