"""The explorer: one page to look at a problem or at saved runs, and its server on the loopback."""

from gradflow.explorer.page import PROBLEMS, Page
from gradflow.explorer.server import Server
from gradflow.explorer.subjects import explore

__all__ = ["PROBLEMS", "Page", "Server", "explore"]
