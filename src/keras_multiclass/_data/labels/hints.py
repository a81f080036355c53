"""What labels that are no classes may have been meant to be."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_multiclass._shared.messages import did_you_mean, quote, similar_names

_MOST = 5  # labels for which others are suggested


def hint_for(unknown: Sequence[Any], known: Sequence[Any], name: str = "The classes") -> str:
    """Return what unknown labels may have been meant to be; empty if there is no guess.

    Parameters
    ----------
    unknown : sequence
        Labels that are not among the known ones.
    known : sequence
        The known labels.
    name : str, default="The classes"
        What the known labels are.
    """
    if text := type_hint(unknown, known, name):
        return text
    strings = [label for label in unknown if isinstance(label, str)]
    if any(_composed(label) in map(_composed, known) for label in strings[:_MOST]):
        return (
            " Labels differ only in their Unicode form: apply "
            "unicodedata.normalize('NFC', label) to all labels."
        )
    if len(strings) == 1:
        return did_you_mean(strings[0], known)
    similar = {label: similar_names(label, known) for label in strings[:_MOST]}
    pairs = [f"{quote(names[0])} for {quote(label)}" for label, names in similar.items() if names]
    return f" Did you mean {', '.join(pairs)}?" if pairs else ""


def type_hint(labels: Sequence[Any], classes: Sequence[Any], name: str = "The classes") -> str:
    """Return that labels are of another type than the classes; empty if they are not.

    Parameters
    ----------
    labels : sequence
        Labels that are no classes.
    classes : sequence
        The classes.
    name : str, default="The classes"
        What has them.
    """
    kinds, expected = (sorted(set(map(_kind, values))) for values in (labels, classes))
    if not kinds or not expected or set(kinds) & set(expected):
        return ""
    texts = {str(known): known for known in classes}
    twins = ((texts.get(_text(label)), label) for label in labels)
    example = next(
        (f": write {quote(k)}, not {quote(label)}" for k, label in twins if k is not None), ""
    )
    return f" {name} are {' and '.join(expected)}, not {' and '.join(kinds)}{example}."


def _kind(label: Any) -> str:
    if isinstance(label, (bool, np.bool_)):
        return "booleans"
    if isinstance(label, (int, np.integer)):
        return "integers"
    if isinstance(label, (float, np.floating)):
        return "floats"
    if isinstance(label, str):
        return "strings"
    return "bytes" if isinstance(label, bytes) else f"of type {type(label).__name__}"


def _text(label: Any) -> str:
    return label.decode(errors="replace") if isinstance(label, bytes) else str(label)


def _composed(label: Any) -> Any:
    return unicodedata.normalize("NFC", label) if isinstance(label, str) else label
