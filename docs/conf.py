"""How the pages are built: `sphinx-build -W docs docs/_build`, from files of this checkout alone."""

import os
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]
os.environ.setdefault("MPLBACKEND", "Agg")

import gradflow

project = "gradflow"
author = copyright = "the gradflow developers"
release = version = gradflow.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "node_modules", "recipes", "gallery", "README.md"]
html_theme = "furo"
html_title = "gradflow"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
templates_path = ["_templates"]
# A page of the reference that no list of a room names would be an orphan: the suite looks for those.
nitpicky = False

# MathJax comes from npm (`npm ci` beside this file), so that no page asks another host.
MATHJAX = DOCS / "node_modules/mathjax/es5/tex-svg.js"
if not MATHJAX.exists():
    raise SystemExit("MathJax is missing: run `npm ci` in docs/ before the pages are built")
shutil.copyfile(MATHJAX, DOCS / "_static/tex-svg.js")
mathjax_path = "tex-svg.js"
# The explorer as the package ships it, shown inside of a page.
shutil.copyfile(DOCS.parent / "gradflow/explorer/page.html", DOCS / "_static/explorer.html")

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"/\w+\.py",
    "image_scrapers": ("scraper.figures",),
    "reset_modules": (),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}
