"""The figure of `work_precision`: error against gradients, one panel a problem."""

from __future__ import annotations

from typing import Any

from gradflow import plots

_COLORS = plots.style.DESCENT_COLORS
_EXPLICIT: dict[str, Any] = {"color": "#888888", "lw": 0.8, "mew": 0.9}
# Ours with filled marks and thick lines, matrix-free peers with open marks, all others gray or black.
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
    "RK45": {**_EXPLICIT, "marker": "x", "ms": 4},
    "DOP853": {**_EXPLICIT, "marker": "+", "ms": 5},
    "RK23": {**_EXPLICIT, "marker": "1", "ms": 5},
    "diffrax Tsit5": {**_EXPLICIT, "marker": "2", "ms": 5, "color": "#555555"},
    "diffrax Dopri8": {**_EXPLICIT, "marker": "3", "ms": 5, "color": "#555555"},
    "torchdiffeq dopri5": {**_EXPLICIT, "marker": "4", "ms": 5, "color": "#555555"},
    "RK4 at 1/sharpness": {"color": "black", "marker": "*", "ms": 5, "ls": "none"},
}
WIDTH, ROW, LEGEND = 7.0, 1.75, 0.75


def plot(all_results: dict[str, dict[str, list[list[Any]]]]) -> Any:
    """Return the figure: error against gradients, one panel a problem, its first seed."""
    columns = min(3, len(all_results))
    rows = -(-len(all_results) // columns)
    figure, axes = plots.style.new_figure(columns, WIDTH, ROW * rows + LEGEND, rows)
    lines: dict[str, Any] = {}
    with plots.style.in_style():
        for n, (ax, (problem, results)) in enumerate(zip(axes, all_results.items(), strict=False)):
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
        names = [name for name in LINES if name in lines]
        figure.legend([lines[name] for name in names], names, loc="outside lower center", ncols=4)
    return figure


def label_costs(ax: Any) -> None:
    """Put plain numbers under a logarithmic axis: three a decade where it is short, else one or two."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    low, high = ax.get_xlim()
    marks = (1, 2, 5) if high < 12 * low else (1, 3) if high < 300 * low else (1,)
    ax.xaxis.set_major_locator(LogLocator(subs=marks))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
