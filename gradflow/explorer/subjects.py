"""What people ask to look at, turned into a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradflow.explorer.page import PROBLEMS, Page


def explore(subject: Any = None) -> Page:
    """Return the explorer with something to look at, shown inline where a notebook runs.

    Parameters
    ----------
    subject : str, Study, Trajectory or sequence of Trajectory, optional
        A problem that the page computes itself (see ``gradflow.explorer.PROBLEMS``), or results. By
        default the page begins with the product of two weights.

    Returns
    -------
    Page
        ``page.write("explorer.html")`` writes it as one file that asks for nothing else.

    Raises
    ------
    ValueError
        If `subject` is none of these, or trajectories have different numbers of weights.

    See Also
    --------
    gradflow.study : Makes a study.

    Examples
    --------
    >>> import gradflow as gf
    >>> bowl = gf.problems.Quadratic([1.0, 4.0])
    >>> gf.explore(gf.study(bowl, [1.0, 1.0], [0.1, 0.4], 5.0))
    Page of 3 runs: shown where a notebook runs, else page.write("explorer.html")
    """
    if subject is None:
        return Page(None, "problems")
    if isinstance(subject, str):
        return problem_page(subject)
    from gradflow.explorer.views import study_view, trajectories_view
    from gradflow.studies import Study
    from gradflow.trajectory import Trajectory

    if isinstance(subject, Study):
        return _runs(study_view(subject))
    runs = [subject] if isinstance(subject, Trajectory) else subject
    if not isinstance(runs, Sequence) or not runs or not all(isinstance(run, Trajectory) for run in runs):
        raise ValueError(f"`subject` must be a problem's name, a study or trajectories, got {subject!r:.60}")
    return _runs(trajectories_view(runs, [_label(run, index) for index, run in enumerate(runs)]))


def problem_page(name: str) -> Page:
    """Return the page that begins with a problem of its own.

    Raises
    ------
    ValueError
        If the page has no such problem.
    """
    if name not in PROBLEMS:
        raise ValueError(f"`subject` must be one of {', '.join(PROBLEMS)}, got {name!r:.60}")
    return Page({"kind": "problem", "name": name}, name)


def saved_page(paths: Sequence[Path]) -> Page:
    """Return the page of a study's folder, of trajectory files, or of those in a folder.

    Raises
    ------
    OSError
        If a file is not there.
    ValueError
        If a file is no trajectory, or a folder no study.
    """
    from gradflow.explorer.views import study_view, trajectories_view
    from gradflow.studies import Study
    from gradflow.studies.folder import FILE
    from gradflow.trajectory import Trajectory

    if len(paths) == 1 and paths[0].is_dir():
        runs_there = sorted(paths[0].glob("*.npz"))
        if (paths[0] / FILE).exists() or not runs_there:
            return _runs(study_view(Study.load(paths[0])))
        paths = runs_there
    runs = [Trajectory.load(path) for path in paths]
    return _runs(trajectories_view(runs, [path.stem for path in paths]))


def _runs(view: dict[str, Any]) -> Page:
    count = len(view["descents"]) + (view["flow"] is not None)
    return Page(view, f"{count} run{'s' if count > 1 else ''}")


def _label(run: Any, index: int) -> str:
    if run.is_continuous:
        return f"flow {index + 1}"
    rates = run.learning_rates
    return f"η = {rates[0]:g}" if rates is not None else f"descent {index + 1}"
