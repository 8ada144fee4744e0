"""The figure of `work_precision`: error against gradients, one panel a problem."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradflow import plots

_COLORS = plots.style.DESCENT_COLORS
# Explicit methods lie near each other: one area holds them all.
EXPLICIT = ("RK45", "DOP853", "RK23", "diffrax Tsit5", "diffrax Dopri8", "torchdiffeq dopri5")
AREA: dict[str, Any] = {"color": "#dddddd", "linewidth": 0.0, "zorder": 1}
# Ours with filled marks and thick lines, matrix-free peers with open marks, dense methods black.
LINES: dict[str, dict[str, Any]] = {
    "integrate": {"color": _COLORS[3], "marker": "o", "ms": 3.5, "lw": 1.8, "zorder": 5},
    "integrate, single": {"color": _COLORS[5], "marker": "o", "ms": 3.5, "lw": 1.8, "zorder": 5},
    "integrate, differences": {"color": _COLORS[1], "marker": "o", "ms": 3.5, "lw": 1.8, "zorder": 4},
    "integrate, rock2": {"color": _COLORS[2], "marker": "s", "ms": 3.2, "lw": 1.8, "zorder": 4},
    "CVODE-GMRES(5)": {"color": _COLORS[4], "marker": "v", "ms": 3.5, "mfc": "white", "lw": 0.9},
    "CVODE-GMRES(30)": {"color": _COLORS[0], "marker": "^", "ms": 3.5, "mfc": "white", "lw": 0.9},
    "extensisq RKC": {"color": "#555555", "marker": "D", "ms": 2.8, "mfc": "white", "lw": 0.9},
    "LSODA": {"color": "black", "ls": ":", "lw": 0.9},
    "BDF": {"color": "black", "ls": "--", "lw": 0.9},
    "Radau": {"color": "black", "ls": "-.", "lw": 0.9},
    "RK4 at 1/sharpness": {"color": "black", "marker": "*", "ms": 5, "ls": "none"},
}
ROW, LEGEND = 1.75, 0.85
AREA_LABEL = "explicit: RK45, DOP853, RK23, diffrax, torchdiffeq"
LEVELS = np.geomspace(1e-6, 0.3, 60)


def plot(all_results: dict[str, dict[str, list[list[Any]]]]) -> Any:
    """Return the figure: error against gradients, one panel a problem, its first seed."""
    columns = min(3, len(all_results))
    rows = -(-len(all_results) // columns)
    figure, axes = plots.new_figure(columns, "text", ROW * rows + LEGEND, rows)
    lines: dict[str, Any] = {}
    with plots.in_style():
        for n, (ax, (problem, results)) in enumerate(zip(axes, all_results.items(), strict=False)):
            area = explicit_area(ax, results)
            lines |= {} if area is None else {str(area.get_label()): area}
            for name, seeds in results.items():
                if name in LINES:
                    costs, errors = ([getattr(p, what) for p in seeds[0]] for what in ("gradients", "error"))
                    lines[name] = ax.loglog(costs, errors, label=name, **LINES[name])[0]
            ax.set(title=problem, ylim=(1e-6, 0.3))
            if n % columns == 0:
                ax.set_ylabel("relative error at the end")
            if n + columns >= len(all_results):
                ax.set_xlabel("cost in gradients")
            label_costs(ax)
        for ax in axes[len(all_results) :]:
            ax.set_visible(False)
    plots.letter_panels(axes[: len(all_results)])
    plots.share_legend(figure, handles=[lines[name] for name in (*LINES, AREA_LABEL) if name in lines])
    return figure


def explicit_area(ax: Any, results: dict[str, list[list[Any]]]) -> Any:
    """Fill what lies between the cheapest and the dearest explicit method at each error; None without one."""
    curves = [cheapest(seeds[0]) for name, seeds in results.items() if name in EXPLICIT]
    if not curves:
        return None
    reached = np.isfinite(curves).all(axis=0)
    low, high = np.min(curves, axis=0)[reached], np.max(curves, axis=0)[reached]
    return ax.fill_betweenx(LEVELS[reached], low, high, label=AREA_LABEL, **AREA)


def cheapest(points: list[Any]) -> Any:
    """Return the least cost of a run with at most each level of error, infinite where there is none."""
    costs, errors = (np.array([getattr(p, what) for p in points]) for what in ("gradients", "error"))
    return np.where(errors <= LEVELS[:, np.newaxis], costs, np.inf).min(axis=1, initial=np.inf)


def label_costs(ax: Any) -> None:
    """Put plain numbers under a logarithmic axis: three a decade where it is short, else one or two."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = ax.get_xlim()
    marks = (1, 2, 5) if high < 12 * low else (1, 3) if high < 300 * low else (1,)
    ax.xaxis.set_major_locator(LogLocator(subs=marks))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
