"""The pages of docs/ are true: their Python runs, their links point somewhere, no public name is left out."""

import importlib
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import gradflow as gf

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"_build", "node_modules", "auto_gallery"} & set(path.relative_to(DOCS).parts)
)
# Rooms of which only what is named here is public.
CHOSEN = {"cases": ("Case", "Setup", "make"), "records": ("loss", "gradient_norm", "sharpness")}


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def public():
    """Yield every public name, the outermost one where a thing has several."""
    for name in gf.__all__:
        value = getattr(gf, name)
        if not isinstance(value, types.ModuleType):
            yield f"gradflow.{name}", value
            continue
        for inner in CHOSEN.get(name) or value.__all__:
            thing = getattr(value, inner)
            rooms = thing.__all__ if isinstance(thing, types.ModuleType) else None
            for each in rooms or [""]:
                path = f"gradflow.{name}.{inner}" + (f".{each}" if each else "")
                yield path, getattr(thing, each) if each else thing


def resolved(path):
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part)
        return value
    raise AssertionError(path)


LISTED = {
    path
    for page in (DOCS / "reference").glob("*.md")
    for path in re.findall(r"^   (gradflow\.[\w.]+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg"}
    code = "\n".join(blocks(page))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_stands_in_the_reference():
    listed = {id(resolved(path)) for path in LISTED}
    assert [path for path, value in public() if id(value) not in listed] == []


def test_every_public_name_says_what_it_is():
    assert [path for path, value in public() if not (value.__doc__ or "").strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_links_of_a_page_point_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        made = target.startswith(("auto_gallery", "../auto_gallery"))
        assert made or (page.parent / target).exists(), target


def test_from_the_front_page_every_page_is_two_clicks_away():
    """By the links of the text and the lists of contents, not counting the sidebar, which has them all."""

    def links(page):
        text = page.read_text(encoding="utf-8")
        names = re.findall(r"\]\(([^)#:]+\.md)\)", text)
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL):
            lines = [line for line in tree.splitlines() if line and not line.startswith(":")]
            names += [f"{line}.md" for line in lines]
        return {(page.parent / name).resolve() for name in names if (page.parent / name).exists()}

    first = links(DOCS / "index.md")
    second = first.union(*(links(page) for page in first))
    assert {page.resolve() for page in PAGES} - second - {(DOCS / "index.md").resolve()} == set()
