"""The Python in README that needs a framework runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python with (\w+)\n(.*?)```", README, flags=re.DOTALL)


def test_readme_shows_a_framework():
    assert BLOCKS


@pytest.mark.parametrize(("framework", "block"), BLOCKS)
def test_the_python_in_readme_that_needs_a_framework_runs(framework, block, tmp_path):
    pytest.importorskip(framework)
    subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
