"""Imports go to lower layers only, as the design draws them."""

import ast
from pathlib import Path

import pytest

import gradflow

PACKAGE = Path(gradflow.__file__).parent
LAYERS = {
    0: ("errors", "foreign", "validate", "scaling", "types", "files", "words", "numerics", "pictures"),
    1: ("trajectory", "kernels", "solvers"),
    2: ("problems", "datasets", "configuration"),
    3: ("curvature",),
    4: ("flows", "rules", "events", "records"),
    5: ("simulate",),
    6: ("analysis",),
    7: ("plots", "cases"),
    8: ("studies", "explorer", "experiments", "sweeps"),
    9: ("cli", "script", "__main__"),
}
# Imports inside one floor, none of which closes a circle.
NEIGHBORS = {
    ("validate", "types"),
    ("validate", "foreign"),
    ("scaling", "types"),
    ("numerics", "types"),
    ("numerics", "validate"),
    ("pictures", "types"),
    ("explorer", "studies"),
    ("__main__", "cli"),
    ("sweeps", "studies"),
    ("script", "cli"),
}
LAYER_OF = {room: layer for layer, rooms in LAYERS.items() for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported_rooms(tree):
    """Rooms of gradflow imported in a file, those under TYPE_CHECKING left out."""
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "gradflow":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradflow."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("gradflow.")
            )


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent != PACKAGE or path.name != "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_room_imports_only_itself_and_lower_layers(path):
    room = room_of(path)
    tree = ast.parse(path.read_text())
    for other in [name for name in imported_rooms(tree) if name in LAYER_OF]:
        lower = LAYER_OF[other] < LAYER_OF[room]
        assert other == room or lower or (room, other) in NEIGHBORS, f"{room} imports {other}"


def test_every_room_has_a_layer():
    assert {room_of(path) for path in FILES} - {"__init__"} <= set(LAYER_OF)


def test_matplotlib_is_imported_inside_functions_of_plots_only():
    for path in FILES:
        tree = ast.parse(path.read_text())
        for node in tree.body:
            names = [alias.name for alias in getattr(node, "names", [])] + [getattr(node, "module", "") or ""]
            assert not any(name.startswith("matplotlib") for name in names), path
        if "matplotlib" in path.read_text():
            assert room_of(path) in ("plots", "cli", "cases", "studies", "experiments"), path
