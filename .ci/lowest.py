"""Print the lowest versions that pyproject.toml allows of what gradflow needs, as constraints for pip."""

import re
import tomllib
from pathlib import Path

needed = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
lowest = [re.sub(r"^([\w.-]+)\s*>=\s*([\w.]+)$", r"\1==\2", each) for each in needed]
if bad := [each for each in lowest if "==" not in each]:
    raise SystemExit(f"dependencies must be given as NAME>=VERSION, got {', '.join(bad)}")
# What matplotlib 3.9 calls is deprecated since pyparsing 3.3, and warnings are errors in the tests.
print(*lowest, "pyparsing<3.3", sep="\n")
