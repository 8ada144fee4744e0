"""What README shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_python_in_readme_runs(block, tmp_path):
    environment = os.environ | {"MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=tmp_path, env=environment, check=True)
    written = re.findall(r"\"(\w+\.(?:png|npz))\"", block)
    assert {path.name for path in tmp_path.iterdir()} == set(written)


def test_there_is_python_in_readme():
    assert BLOCKS


def test_every_file_that_readme_points_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_name_that_readme_gives_resolves():
    for name in re.findall(r"`gf\.([a-z_.]+)`", README):
        value = gf
        for part in name.split("."):
            value = getattr(value, part)


def test_readme_has_the_command_that_continuous_integration_runs():
    assert len(re.findall(r"# tests$", README, flags=re.MULTILINE)) == 1
