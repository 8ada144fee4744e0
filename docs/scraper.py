"""The figures of an example, none of which pyplot knows, as pictures of its page."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst


def figures(_block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save each figure that an example holds by a name, once, and return the text that shows them."""
    names = block_vars["image_path_iterator"]
    seen, paths = block_vars.setdefault("seen_figures", set()), []
    for value in list(block_vars["example_globals"].values()):
        if isinstance(value, Figure) and id(value) not in seen:
            seen.add(id(value))
            paths.append(Path(next(names)))
            value.savefig(paths[-1], dpi=150)
    return figure_rst([str(path) for path in paths], gallery_conf["src_dir"])
