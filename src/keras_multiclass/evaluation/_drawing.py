"""Drawing helpers shared by the displays: importing matplotlib, axes, colors and legends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import (
    describe,
    did_you_mean,
    format_list,
    invalid,
    printable,
    shorten,
)
from keras_multiclass.evaluation._checks import is_integer
from keras_multiclass.evaluation._predictions import Predictions

# The ten colors of Petroff, "Accessible color sequences for data visualization"
# (arXiv:2107.02270), which stay distinct under common color blindness; the grays come last.
COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#832db6",
    "#92dadd",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#94a4a2",
)
INK = "0.25"  # text, and marks that are not data
PALE = "0.75"  # reference lines and other background
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "<", ">")
# Hollow, so that they remain visible on top of the first display.
_FILLS = ("full",) + ("none",) * (len(_MARKERS) - 1)
_MAX_LABEL_LENGTH = 36
_MAX_ABSENT_CLASSES = 3


def require_pyplot(caller: str) -> Any:
    """Import ``matplotlib.pyplot``, or raise an error that says how to install it.

    Parameters
    ----------
    caller : str
        Function named in the message.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it with "
            '`pip install "keras-multiclass[plot]"`.'
        ) from error
    return plt


def require_probabilities(predictions: Predictions) -> np.ndarray:
    """Return the probabilities, or raise an error that says how to get them.

    Parameters
    ----------
    predictions : Predictions
        Predictions, with or without probabilities.
    """
    if predictions.probabilities is None:
        raise ValueError(
            invalid(
                "`estimator`",
                "a classifier with `predict_proba`",
                "one without",
                "Wrap it in a CalibratedClassifierCV.",
            )
        )
    return predictions.probabilities


def axes_for(
    ax: Any, n: int, caller: str, *, figsize: tuple[float, float], columns: int = 1, **layout: Any
) -> np.ndarray:
    """Return the axes to draw on: the user's, or those of a new figure.

    Parameters
    ----------
    ax : Axes, array of Axes or None
        The user's value.
    n : int
        Number of axes needed.
    caller : str
        Function named in messages.
    figsize : (float, float)
        Width and height of a new figure in inches.
    columns : int, default=1
        Number of columns of a new figure.
    **layout : dict
        Further arguments of ``pyplot.subplots``.

    Returns
    -------
    ndarray of Axes of shape (n,)
        Axes, row by row.
    """
    if ax is None:
        figure, grid = require_pyplot(caller).subplots(
            -(-n // columns),
            columns,
            squeeze=False,
            figsize=figsize,
            layout="constrained",
            **layout,
        )
        axes = grid.ravel()
        for unused in axes[n:]:
            figure.delaxes(unused)
        return axes[:n]
    axes = np.asarray(ax, dtype=object).ravel()
    if len(axes) != n or not all(hasattr(one, "plot") for one in axes):
        allowed = "one matplotlib Axes" if n == 1 else f"an array of {n} matplotlib Axes"
        got = f"{len(axes)} of them" if np.ndim(ax) else describe(ax)
        raise ValueError(invalid("`ax`", f"None or {allowed}", got))
    return axes


def check_names(value: Any, parameter: str, known: Iterable[str]) -> list[str]:
    """Check the names of what to draw and return them as a list.

    Parameters
    ----------
    value : str or collection of str
        The user's value; a single name counts as a list of one.
    parameter : str
        Name of the parameter, for messages.
    known : iterable of str
        Available names.
    """
    known = list(known)
    allowed = f"names from {format_list(known)}"
    if not isinstance(value, Iterable):
        raise ValueError(invalid(parameter, allowed, describe(value)))
    names = [value] if isinstance(value, str) else list(value)
    unknown = [name for name in names if name not in known]
    if unknown:
        suggestion = did_you_mean(unknown[0], known).strip()
        raise ValueError(invalid(parameter, allowed, f"unknown {format_list(unknown)}", suggestion))
    if not names:
        raise ValueError(invalid(parameter, allowed, "none"))
    return names


def style_axes(ax: Any) -> None:
    """Remove clutter from axes: two of the four borders, and dark ticks.

    Parameters
    ----------
    ax : Axes
        Axes with everything drawn.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(color=PALE, labelcolor=INK)
    ax.set_axisbelow(True)


def class_label(name: Any) -> str:
    """Return the label of a class, shortened if it is long.

    Parameters
    ----------
    name : object
        A class label.
    """
    return escape_math(shorten(name, _MAX_LABEL_LENGTH))


def label_with_value(name: Any, value: float) -> str:
    """Return a legend entry with a name and a value.

    Parameters
    ----------
    name : object
        A class label, or another name.
    value : float
        Its value.
    """
    return f"{class_label(name)}  {value:.3f}"


def escape_math(text: str) -> str:
    """Escape control characters, and dollar signs, which mark formulas in matplotlib.

    Parameters
    ----------
    text : str
        Text to draw.
    """
    return printable(text).replace("$", r"\$")


def label_width(names: Iterable[Any]) -> float:
    """Estimate the width of the longest label in inches.

    Parameters
    ----------
    names : iterable
        Class labels.
    """
    return 0.075 * max(len(class_label(name)) for name in names)


def legend_outside(ax: Any, **options: Any) -> Any:
    """Add a legend to the right of the axes, where it covers no data.

    Parameters
    ----------
    ax : Axes
        Axes with labeled artists.
    **options : dict
        Further arguments of ``Axes.legend``.
    """
    legend = ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
        labelcolor=INK,
        alignment="left",
        **options,
    )
    legend.get_title().set_color(INK)
    return legend


def set_cycle_if_empty(ax: Any) -> bool:
    """Give empty axes a cycle of colors and markers, and return whether they were empty.

    Parameters
    ----------
    ax : Axes
        Axes on which several displays may be drawn, each with the next color and marker.
    """
    if ax.has_data():
        return False
    ax.set_prop_cycle(color=COLORS, marker=_MARKERS, fillstyle=_FILLS)
    return True


def class_colors(badness: np.ndarray, highlight: int) -> list[str | None]:
    """Return a color for each class; with many classes, for the worst only.

    Parameters
    ----------
    badness : ndarray of shape (n_classes,)
        One number per class; higher is worse.
    highlight : int
        Number of classes with a color if there are more classes than colors.

    Returns
    -------
    list of str or None
        None for a class that is drawn in the background.
    """
    n_colors = len(COLORS)
    if not is_integer(highlight) or not 0 <= highlight <= n_colors:
        allowed = f"an integer from 0 to {n_colors}"
        raise ValueError(invalid("`highlight`", allowed, describe(highlight)))
    if len(badness) <= n_colors:
        return list(COLORS[: len(badness)])
    colors: list[str | None] = [None] * len(badness)
    worst = np.argsort(-badness, kind="stable")[:highlight]
    for k, color in zip(worst, COLORS, strict=False):
        colors[k] = color
    return colors


def class_line_style(color: str | None) -> dict[str, Any]:
    """Return the line style of a class.

    Parameters
    ----------
    color : str or None
        None for a class that is drawn in the background.
    """
    if color is None:
        return {"color": PALE, "linewidth": 0.8, "zorder": 2}
    return {"color": color, "linewidth": 1.6, "zorder": 2.1}


def class_legend(
    ax: Any,
    lines: Sequence[Any],
    title: str,
    values: np.ndarray,
    colors: Sequence[str | None],
    *,
    others: Sequence[Any],
    absent: Sequence[Any],
    absent_title: str = "no rows",
) -> None:
    """Add a legend of classes, worst first, with a single entry for those in the background.

    Parameters
    ----------
    ax : Axes
        Axes with the lines.
    lines : list of Line2D
        One per class.
    title : str
        Title that explains the values.
    values : ndarray of shape (n_classes,)
        Values in the labels of the lines.
    colors : list of str or None
        Result of :func:`class_colors`.
    others : list of Line2D
        Lines listed after the classes.
    absent : list
        Classes without a line.
    absent_title : str, default="no rows"
        What these classes lack.
    """
    background = [k for k, color in enumerate(colors) if color is None]
    colored = [k for k, color in enumerate(colors) if color is not None]
    if background:  # the worst class has the first color
        colored.sort(key=lambda k: COLORS.index(str(colors[k])))
    handles = [lines[k] for k in colored]
    labels = [line.get_label() for line in handles]
    if background:
        handles.append(lines[background[0]])
        low, high = values[background].min(), values[background].max()
        labels.append(f"{len(background)} others  {low:.3f} to {high:.3f}")
    handles += others
    labels += [line.get_label() for line in others]
    if absent:
        handles += ax.plot([], [], linestyle="none", marker="none")
        labels.append(f"{absent_title}: {_absent_text(absent)}")
    legend_outside(ax, handles=handles, labels=labels, title=title)


def _absent_text(names: Sequence[Any]) -> str:
    lines = [class_label(name) for name in names[:_MAX_ABSENT_CLASSES]]
    n_more = len(names) - len(lines)
    return "\n".join([*lines, f"and {n_more} more"] if n_more else lines)
