"""``gradflow explore``: a problem, saved runs or one's own problem in the browser."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradflow.cli import problem_names, streams
from gradflow.cli.arguments import Refused

if TYPE_CHECKING:
    from gradflow.explorer.page import Page
    from gradflow.explorer.workbench import Workbench


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add = parser.add_argument
    help_ = "a named problem, FILE.py:function that makes one, .npz trajectories, or a study's folder"
    add("subjects", nargs="*", metavar="PROBLEM | FILE", help=help_)
    add("--write", metavar="FILE.html", help="write the page to one file instead of opening it")
    add("--no-browser", action="store_true", help="print the address only")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    """Write or serve the page, and return the exit status."""
    try:
        found = _subject(options.subjects)
    except (ValueError, OSError) as error:
        raise Refused(error) from None
    if options.write is not None:
        return _write(found, options.write)
    return _serve(found, opens=not options.no_browser)


def _subject(words: Sequence[str]) -> Page | Workbench:
    """Return what the words ask for."""
    from gradflow.explorer.page import PROBLEMS
    from gradflow.explorer.subjects import explore, problem_page, saved_page

    if not words:
        return explore()
    paths = [Path(word) for word in words]
    if len(words) == 1:
        if words[0] in PROBLEMS:
            return problem_page(words[0])
        if problem_names.is_own_file(words[0]):
            return _own(words[0])
        if not paths[0].exists() and not paths[0].with_suffix(".npz").exists():
            return _case(words[0])
    return saved_page(paths)


def _own(name: str) -> Workbench:
    """Return the workbench of a problem that the user's own file makes."""
    from gradflow.cli.own_file import blamed, subject_of_file
    from gradflow.explorer.workbench import Workbench

    with blamed(name):
        own = subject_of_file(name)
        return Workbench(own.problem, own.name, own.start, end_time=own.end_time)


def _case(name: str) -> Workbench:
    from gradflow import cases
    from gradflow.explorer.page import PROBLEMS
    from gradflow.explorer.workbench import Workbench

    if name not in cases.CASES:
        known = ", ".join(dict.fromkeys([*PROBLEMS, *cases.CASES]))
        raise Refused(f"PROBLEM must be one of {known}, or a file that is there, got {name!r:.60}")
    problem = cases.problem_of(name)
    return Workbench(problem, name, lambda seed: cases.CASES[name].start(problem, seed))


def _write(found: Page | Workbench, target: str) -> int:
    from gradflow.explorer.page import Page

    if not isinstance(found, Page):
        raise Refused(
            f"{found.title} is computed in Python and cannot be written to a file: leave --write out, or "
            "write a study of it"
        )
    streams.say(f"{found.write(target)}\n")
    return 0


def _serve(found: Page | Workbench, *, opens: bool) -> int:
    import webbrowser

    from threadpoolctl import threadpool_limits

    from gradflow.explorer.page import Page
    from gradflow.explorer.server import Server

    page = found if isinstance(found, Page) else Page(found.view, found.title)
    answer = None if isinstance(found, Page) else found.answer
    # Small problems spend their time waiting when BLAS shares a product among threads.
    with threadpool_limits(1, user_api="blas"), Server(page.html, answer) as server:
        streams.say(f"{server.url}\nonly this machine is served; Ctrl-C ends it\n")
        if opens:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            streams.say("\n")
    return 0
