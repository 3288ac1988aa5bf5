"""How Sphinx makes the documentation: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import skcrystal

project = "skcrystal"
author = "The skcrystal developers"
project_copyright = author
version = release = skcrystal.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "reference",
    "links",
    "docstrings",
]
exclude_patterns = ["_build", "_ext", "_templates", "auto_examples/*.ipynb"]
templates_path = ["_templates"]

# Names in single backticks are links where the reference has them, else plain code. No
# inventories of other projects are read: the build needs no network.
default_role = "py:obj"
autodoc_typehints = "none"  # docstrings say types, with shapes and units
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 80
numpydoc_show_class_members = False  # the template for classes lists them

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # as code-hosting sites make them
copybutton_exclude = ".linenos, .gp, .go"  # prompts and outputs

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery.ReadingOrder",
    "doc_module": ("skcrystal",),
    "backreferences_dir": "api/backreferences",
    "reference_url": {"skcrystal": None},
    "show_signature": False,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skcrystal"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skcrystal"},
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": []}
