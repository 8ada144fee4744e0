"""What a class, a function or a module says of itself."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from types import ModuleType
from typing import Any

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def own_words(thing: Any) -> str:
    """Return a docstring, "" where there is none; under ``python -OO``, which drops them, from the source.

    Examples
    --------
    >>> own_words(own_words).partition(",")[0]
    'Return a docstring'
    """
    if sys.flags.optimize < 2:
        return inspect.getdoc(thing) or ""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return ""
    node = tree if isinstance(thing, ModuleType) else tree.body[0]
    return ast.get_docstring(node) or "" if isinstance(node, DOCUMENTED) else ""
