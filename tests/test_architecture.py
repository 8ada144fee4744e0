"""docs/architecture.md is true to the code."""

import ast
import re
import runpy
from pathlib import Path

import pytest

import gradflow

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gradflow.__file__).parent
LAYER_OF = runpy.run_path(str(Path(__file__).with_name("test_layering.py")))["LAYER_OF"]
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
PICTURE = PAGE.split("```")[1]
# floor, room, "/" or ".py"
DRAWN = re.findall(r"^(\d+)  (\w+)(/|\.py) +\S", PICTURE, re.MULTILINE)
INNER = re.findall(r"^ {20}(\w+)/ ", PICTURE, re.MULTILINE)
GROUPS = r"^ {20}(?:doors|loops|of a \w+|on the way|around it) +(.*)$"


def test_the_picture_has_every_room_of_the_package():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in SOURCES}
    assert rooms - {"__init__"} <= {room for _, room, _ in DRAWN}


@pytest.mark.parametrize(("floor", "room", "kind"), DRAWN, ids=[room for _, room, _ in DRAWN])
def test_a_room_of_the_picture_is_there_and_on_its_floor(floor, room, kind):
    assert (PACKAGE / f"{room}{kind}").exists()
    assert LAYER_OF[room] == int(floor)


def test_the_floors_are_drawn_from_the_top_and_each_room_once():
    floors = [int(floor) for floor, _, _ in DRAWN]
    assert floors == sorted(floors, reverse=True)
    assert len({room for _, room, _ in DRAWN}) == len(DRAWN)


@pytest.mark.parametrize("name", INNER)
def test_an_inner_room_of_the_picture_is_there(name):
    assert list(PACKAGE.glob(f"*/{name}/__init__.py"))


def test_every_inner_room_is_drawn():
    inner = {path.parent.name for path in PACKAGE.glob("*/*/__init__.py")}
    assert inner == set(INNER)


def test_every_file_of_simulate_is_drawn_once():
    groups = re.findall(GROUPS, PICTURE, re.MULTILINE)
    drawn = [name for group in groups for name in group.split(", ")]
    assert sorted(drawn) == sorted(path.stem for path in (PACKAGE / "simulate").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"[\w./]+/\w+\.py|\b\w+\.py", PAGE))))
def test_a_file_that_the_page_names_is_there(name):
    assert (ROOT / name).exists() or (PACKAGE / name).exists()


def test_the_table_of_protocols_has_those_that_can_be_asked_for_and_no_others():
    found = {
        node.name
        for source in SOURCES.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if any(getattr(each, "id", "") == "runtime_checkable" for each in node.decorator_list)
    }
    table = PAGE.split("## Optional protocols")[1].split("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(found)


def test_names_of_code_on_the_page_stand_in_the_code():
    source = "".join(SOURCES.values())
    names = set(re.findall(r"`(\w+)(?:\(|`)", PAGE)) | set(re.findall(r"`\w+\.(\w+)(?:\(|`)", PAGE))
    missing = [name for name in names if not re.search(rf"\b{name}\b", source)]
    assert not missing
