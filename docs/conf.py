"""Sphinx configuration of the website; ``make docs`` builds it without a network."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# Set before anything imports TensorFlow, so that its native logs do not appear in examples.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_multiclass

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))  # for gallery_order

project = "keras-multiclass"
author = "keras-multiclass developers"
copyright = author
version = release = keras_multiclass.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# Objects of other packages have no page here.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(imblearn|joblib|keras|numpy|pandas|sklearn|tensorflow)\..*")]
default_role = "literal"  # mostly parameters
if "KERAS_MULTICLASS_INTERSPHINX" in os.environ:  # needs a network
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "python": ("https://docs.python.org/3", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

# Markdown pages.
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence"]
myst_heading_anchors = 4

# API reference: a page for each name in a module's ``__all__``.
autosummary_ignore_module_all = False
autosummary_context = {"top_level": keras_multiclass.__all__}
GENERATED_BY_SKLEARN = "set_fit_request, set_partial_fit_request, set_score_request"
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
autodoc_default_options = {"exclude-members": GENERATED_BY_SKLEARN}
numpydoc_show_class_members = False

# Gallery: every script in examples/ with its output and figures.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # All except the one that imports SciKeras, which patches Keras for the whole process.
    "filename_pattern": r"/(?!from_scikeras)\w+\.py$",
    "within_subsection_order": "gallery_order.FiguresFirst",
    "capture_repr": ("_repr_html_",),
    "default_thumb_file": str(DOCS / "_static/thumbnail.png"),
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "notebook_extensions": set(),  # a downloaded notebook would lack the data
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}

smartquotes = False

html_theme = "pydata_sphinx_theme"
html_title = project
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": [], "install": [], "tour": [], "benchmarks": []}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {
        "text": project,
        "image_light": "_static/mark.svg",
        "image_dark": "_static/mark.svg",
        "alt_text": f"{project}: home",
    },
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "back_to_top_button": False,
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Pages link to files of the repository, so that links work wherever it is browsed. The website
# redirects them to its own pages.
PAGES = {
    "CHANGES.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "overview.md",
    "benchmarks/README.md": "running-benchmarks.md",
    "examples": "gallery/index.rst",
    "examples/data/SOURCES.md": "example-data.md",
}
LINK = re.compile(r"(?<=\]\()(?![\w+.-]+:|#)([^)\s#]+)")


def _site_target(target: str) -> str:
    """Return the page for a file of the repository, relative to ``docs/``."""
    example = re.fullmatch(r"examples/(\w+)\.py", target)
    if example:
        return f"gallery/{example[1]}.rst"
    return PAGES.get(target) or posixpath.relpath(target, "docs")


def _redirect_links(folder: str, text: str) -> str:
    """Redirect the links of a page in the given folder of the repository."""
    return LINK.sub(
        lambda link: _site_target(posixpath.normpath(posixpath.join(folder, link[1]))), text
    )


def _read_page(app, docname, content):
    if app.env.doc2path(docname, base=False).suffix == ".md":
        content[0] = _redirect_links("docs", content[0])


def _read_included(app, path, docname, content):
    folder = posixpath.normpath(posixpath.join("docs", path.parent.as_posix()))
    content[0] = _redirect_links(folder, content[0])


def _write_math(translator, node):
    # MathML is rendered by browsers; MathJax would be loaded from a network.
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def setup(app):
    """Register the link redirection and the math renderer."""
    app.add_html_math_renderer("mathml", (_write_math, None), (_write_math, None))
    app.connect("source-read", _read_page)
    app.connect("include-read", _read_included)
