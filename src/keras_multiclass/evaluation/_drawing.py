"""What all pictures share: matplotlib when it is needed, axes, colours, labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import describe, format_list, invalid, shorten
from keras_multiclass.evaluation._checks import is_whole
from keras_multiclass.evaluation._predictions import Predictions

# The ten colours of Petroff, "Accessible color sequences for data visualization"
# (arXiv:2107.02270), which stay apart with the common kinds of colour blindness; greys come last.
COLOURS = (
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
INK = "0.25"  # text and marks beside the data
PALE = "0.75"  # what only gives orientation
_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*", "<", ">")
_FILLS = ("full",) + ("none",) * (len(_MARKERS) - 1)  # hollow, to be seen over the first
_LONGEST_NAME = 36
_MOST_NAMES = 3  # of classes without rows


def pyplot(caller: str) -> Any:
    """Import ``matplotlib.pyplot``, or say how to install it.

    Parameters
    ----------
    caller : str
        What needs it, for the message.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib, which is not installed. Install it with "
            '`pip install "keras-multiclass[plot]"`.'
        ) from error
    return plt


def probabilities_of(found: Predictions) -> np.ndarray:
    """Return the probabilities, or say how to get some.

    Parameters
    ----------
    found : Predictions
        Of a classifier that may have none.
    """
    if found.probabilities is None:
        raise ValueError(
            invalid(
                "`estimator`",
                "a classifier with `predict_proba`",
                "one without",
                "Put it into a CalibratedClassifierCV.",
            )
        )
    return found.probabilities


def axes_for(
    ax: Any, n: int, caller: str, *, figsize: tuple[float, float], columns: int = 1, **layout: Any
) -> np.ndarray:
    """Return the axes to draw on: those that were given, or those of a new figure.

    Parameters
    ----------
    ax : Axes, array of Axes or None
        What the user gave.
    n : int
        How many are needed.
    caller : str
        Who draws, for messages.
    figsize : (float, float)
        Width and height of a new figure in inches.
    columns : int, default=1
        Columns of a new figure.
    **layout : dict
        Further arguments of ``pyplot.subplots``.

    Returns
    -------
    ndarray of Axes of shape (n,)
        In the order of reading.
    """
    if ax is None:
        figure, grid = pyplot(caller).subplots(
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
        what = "one matplotlib Axes" if n == 1 else f"an array of {n} matplotlib Axes"
        got = f"{len(axes)} of them" if np.ndim(ax) else describe(ax)
        raise ValueError(invalid("`ax`", f"None or {what}", got))
    return axes


def as_names(given: Any, what: str, known: Iterable[str]) -> list[Any]:
    """List what is to be drawn; a name alone is a list of one.

    Parameters
    ----------
    given : str or collection
        What the user gave.
    what : str
        The parameter, for messages.
    known : iterable of str
        The names there are.
    """
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable):
        raise ValueError(invalid(what, f"names from {format_list(known)}", describe(given)))
    return list(given)


def tidy(ax: Any) -> None:
    """Take away what does not tell anything: two of the four borders, and dark ticks.

    Parameters
    ----------
    ax : Axes
        On which all has been drawn.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(color=PALE, labelcolor=INK)
    ax.set_axisbelow(True)


def shown(name: Any) -> str:
    """Write the name of a class for a label, cut short when it is long.

    Parameters
    ----------
    name : object
        A class label.
    """
    return as_written(shorten(name, _LONGEST_NAME))


def as_written(text: str) -> str:
    """Keep matplotlib from reading a formula between dollar signs.

    Parameters
    ----------
    text : str
        What is to be drawn.
    """
    return text.replace("$", r"\$")


def width_of(names: Iterable[Any]) -> float:
    """Estimate how many inches the longest of some names takes.

    Parameters
    ----------
    names : iterable
        Class labels.
    """
    return 0.075 * max(len(shown(name)) for name in names)


def legend_beside(ax: Any, **options: Any) -> Any:
    """Put a legend to the right of the axes, where it covers no data.

    Parameters
    ----------
    ax : Axes
        Whose labelled artists are listed.
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


def is_fresh(ax: Any) -> bool:
    """Tell whether nothing is drawn on axes yet, and then give them our colours and markers.

    Parameters
    ----------
    ax : Axes
        Each display that is drawn on them takes the next colour and marker.
    """
    if ax.has_data():
        return False
    ax.set_prop_cycle(color=COLOURS, marker=_MARKERS, fillstyle=_FILLS)
    return True


def class_colours(badness: np.ndarray, highlight: int) -> list[str | None]:
    """Give each class a colour; of many classes only to the worst.

    Parameters
    ----------
    badness : ndarray of shape (n_classes,)
        One number per class, larger for worse.
    highlight : int
        How many get a colour when there are more classes than colours.

    Returns
    -------
    list of str or None
        None for a class that stays in the background.
    """
    n_colours = len(COLOURS)
    if not is_whole(highlight) or not 0 <= highlight <= n_colours:
        allowed = f"an integer from 0 to {n_colours}"
        raise ValueError(invalid("`highlight`", allowed, describe(highlight)))
    if len(badness) <= n_colours:
        return list(COLOURS[: len(badness)])
    colours: list[str | None] = [None] * len(badness)
    worst = np.argsort(-badness, kind="stable")[:highlight]
    for number, colour in zip(worst, COLOURS, strict=False):
        colours[number] = colour
    return colours


def class_style(colour: str | None) -> dict[str, Any]:
    """Say how the line of a class is drawn.

    Parameters
    ----------
    colour : str or None
        None for a class in the background.
    """
    if colour is None:
        return {"color": PALE, "linewidth": 0.8, "zorder": 2}
    return {"color": colour, "linewidth": 1.6, "zorder": 2.1}


def named_value(name: Any, value: float) -> str:
    """Write a name and its value for a legend.

    Parameters
    ----------
    name : object
        A class label, or what else has a value.
    value : float
        Its value.
    """
    return f"{shown(name)}  {value:.3f}"


def legend_of_classes(
    ax: Any,
    lines: Sequence[Any],
    title: str,
    values: np.ndarray,
    colours: Sequence[str | None],
    *,
    others: Sequence[Any],
    absent: Sequence[Any],
) -> None:
    """List the lines of classes; those in the background in one entry, after the worst.

    Parameters
    ----------
    ax : Axes
        On which the lines are.
    lines : list of Line2D
        One for each class.
    title : str
        What the values are.
    values : ndarray of shape (n_classes,)
        As in the labels of the lines.
    colours : list of str or None
        Colours from :func:`class_colours`.
    others : list of Line2D
        What is listed after the classes.
    absent : list
        Classes without rows.
    """
    grey = [n for n, colour in enumerate(colours) if colour is None]
    coloured = [n for n, colour in enumerate(colours) if colour is not None]
    if grey:  # the worst has the first colour
        coloured.sort(key=lambda n: COLOURS.index(str(colours[n])))
    handles = [lines[n] for n in coloured]
    labels = [line.get_label() for line in handles]
    if grey:
        handles.append(lines[grey[0]])
        low, high = values[grey].min(), values[grey].max()
        labels.append(f"{len(grey)} others  {low:.3f} to {high:.3f}")
    handles += others
    labels += [line.get_label() for line in others]
    if absent:
        handles += ax.plot([], [], linestyle="none", marker="none")
        labels.append("no rows: " + _one_per_line(absent))
    legend_beside(ax, handles=handles, labels=labels, title=title)


def _one_per_line(names: Sequence[Any]) -> str:
    lines = [shown(name) for name in names[:_MOST_NAMES]]
    rest = len(names) - len(lines)
    return "\n".join([*lines, f"and {rest} more"] if rest else lines)
