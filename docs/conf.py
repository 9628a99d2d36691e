"""Settings of the documentation; `python3 dev.py docs` builds it and takes warnings for errors."""

import contextlib
import importlib.metadata
import re
import shlex
import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

project = "seprank"
author = "The seprank developers"
version = release = importlib.metadata.version("seprank")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_math_renderer = "mathml"
exclude_patterns = ["_build", "jupyter_execute", "_parts"]
html_theme = "furo"
html_title = f"seprank {version}"
html_static_path = ["static"]
html_css_files = ["pages.css"]

# Pages show outputs that were written with them: building the documentation runs only what `setup` names.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "dollarmath", "deflist"]
myst_heading_anchors = 3

# attributes of one name in several classes: what is meant cannot be told, and is not linked
suppress_warnings = ["ref.python"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]

# Docstrings are written to be read in the source: `name` is code, and |a| is an absolute value.
default_role = "code"


def write_inline(writer, node):
    """A formula as MathML, which browsers lay out without a script: pages are read from a folder, without a network."""
    writer.body.append(convert(node.astext()))
    raise nodes.SkipNode


def write_block(writer, node):
    """The same on lines of its own, which may be scrolled where they are wider than the page."""
    writer.body.append(f'<div class="math" tabindex="0">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


_COLON = "\ue000"


def hide_colon(app, what, name, obj, options, lines):
    """Keep napoleon from taking what is before a colon for the type of an attribute."""
    if what in ("attribute", "property", "data"):
        lines[:1] = [line.replace(":", _COLON) for line in lines[:1]]


def mark_formulas(app, what, name, obj, options, lines):
    """Write formulas, which docstrings have in dollars as the pages do, as reStructuredText has them."""
    text = "\n".join(lines).replace(_COLON, ":")
    text = re.sub(r"(?ms)^( *)\$\$(.*?)\$\$", lambda m: f"{m[1]}.. math:: {' '.join(m[2].split())}", text)
    text = re.sub(r"\$(?=\S)([^$`]+)(?<=\S)\$", lambda m: f":math:`{' '.join(m[1].split())}`", text)
    lines[:] = text.split("\n")


def keep_bars(app, what, name, obj, options, lines):
    """Escape vertical bars outside code, which reStructuredText would take for substitutions."""
    lines[:] = [re.sub(r"`[^`]*`|\|", lambda m: "\\|" if m[0] == "|" else m[0], line) for line in lines]


def make_parts(app):
    """Compute what pages include."""
    sys.path.insert(0, str(Path(__file__).parent))
    from parts import write_parts

    write_parts()


def draw_pictures(app):
    """Run every `seprank draw` that the page of pictures shows, in the folder that it takes its images from."""
    from seprank.cli import app as seprank

    page = Path(app.srcdir, "pictures.md").read_text("utf-8")
    folder = Path(app.srcdir, "pictures")
    folder.mkdir(exist_ok=True)
    with contextlib.chdir(folder):
        for command in re.findall(r"^seprank (draw .*)$", page, flags=re.MULTILINE):
            if seprank(shlex.split(command), standalone_mode=False):
                raise RuntimeError(f"failed: seprank {command}")


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_block, None))
    app.connect("builder-inited", draw_pictures)
    app.connect("builder-inited", make_parts)
    app.connect("autodoc-process-docstring", hide_colon, priority=100)
    app.connect("autodoc-process-docstring", mark_formulas)
    app.connect("autodoc-process-docstring", keep_bars)
