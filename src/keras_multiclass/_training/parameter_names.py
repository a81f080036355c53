"""Which parameter names exist, and what a name that does not exist was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence

import keras

from keras_multiclass._network.backbones import get_backbone, list_backbones
from keras_multiclass._network.builder_arguments import SUPPLIED
from keras_multiclass._shared.keras.lookup import public_members, without_case
from keras_multiclass._shared.messages import format_list
from keras_multiclass._shared.signatures import accepted_parameters, read_signature
from keras_multiclass._training.parameter_checks import ROUTED_OPTIONS

ROUTED_PREFIXES = (
    "backbone",
    "model",
    "optimizer",
    "loss",
    "metrics",
    "callbacks",
    "compile",
    "fit",
    "predict",
    "text_vectorizer",
)

# Usual names, of scikit-learn's `MLPClassifier` and others, that are not similar to ours.
_ALIASES = {
    "alpha": "optimizer__weight_decay",
    "build_fn": "model",
    "decision_threshold": "threshold",
    "hidden_layer_sizes": "backbone__hidden_units",
    "learning_rate_init": "optimizer__learning_rate",
    "lr": "optimizer__learning_rate",
    "max_iter": "epochs",
    "n_iter_no_change": "early_stopping",
    "nesterovs_momentum": "optimizer__nesterov",
    "num_epochs": "epochs",
    "patience": "early_stopping",
    "seed": "random_state",
    "solver": "optimizer",
    "validation_fraction": "validation_split",
}


# Names that belong somewhere else.
_OF_FIT = "It is an argument of fit: fit(X, y, {}=...)."
_THRESHOLD = (
    "Thresholds are for several labels per row, see KerasMultilabelClassifier. For two classes, "
    "use FixedThresholdClassifier(classifier, threshold=...) or "
    "TunedThresholdClassifierCV(classifier) of sklearn.model_selection."
)
_ELSEWHERE = {
    **{
        name: _OF_FIT.format(name)
        for name in ("X_val", "classes", "groups", "sample_weight", "sample_weight_val", "y_val")
    },
    "validation_data": "Pass it to fit: fit(X, y, X_val=(X_val, y_val)).",
}
_OF_LABELS = dict.fromkeys(("decision_threshold", "threshold", "thresholds"), _THRESHOLD)


def is_routed(name: str) -> bool:
    """Whether a parameter is routed, such as ``backbone__width``."""
    prefix, separator, rest = name.partition("__")
    return bool(separator and rest) and prefix in ROUTED_PREFIXES and name.isprintable()


def unknown_parameters(names: Iterable[str], own_names: Sequence[str]) -> str:
    """Return the error message for the names that do not exist; empty if all do.

    Parameters
    ----------
    names : iterable of str
        Names of parameters, existing or not.
    own_names : sequence of str
        The parameters that are not routed.

    Returns
    -------
    str
        One line for each unknown name, with similar names.
    """
    unknown = [name for name in names if name not in own_names and not is_routed(name)]
    if not unknown:
        return ""
    routed = list(_known_arguments())
    lines = [f"Unknown parameter {name!r}{_hint(name, own_names, routed)}" for name in unknown]
    if not all(_elsewhere(n, own_names) or _meant(n, own_names, routed) for n in unknown):
        lines.append(f"Parameters: {', '.join(sorted(own_names))}.")
    return "\n".join(lines)


def _hint(name: str, own_names: Sequence[str], routed: Sequence[str]) -> str:
    """Return what follows an unknown name: suggestions, or else what would be allowed."""
    if not name.isprintable():
        return ": it contains characters that cannot be printed."
    own = f"An argument of your own builder is written model__{name} or backbone__{name}."
    if elsewhere := _elsewhere(name, own_names):
        return f". {elsewhere} {own}"
    meant = _meant(name, own_names, routed)
    hint = f". Did you mean {' or '.join(map(repr, meant))}?" if meant else ""
    if "__" in name:
        allowed = format_list(f"{prefix}__" for prefix in ROUTED_PREFIXES)
        return hint or f": its prefix must be one of {allowed}."
    is_prefixed = name.startswith(tuple(f"{prefix}_" for prefix in ROUTED_PREFIXES))
    if is_prefixed or not name.isidentifier():
        return hint or "."
    return f"{hint or '.'} {own}"


def _elsewhere(name: str, own_names: Sequence[str]) -> str:
    """Return where a name belongs; empty if it may be a misspelling."""
    return _ELSEWHERE.get(name) or (
        _OF_LABELS.get(name, "") if "threshold" not in own_names else ""
    )


def _meant(name: str, own_names: Sequence[str], routed: Sequence[str]) -> list[str]:
    """Return the existing names that an unknown name may be a misspelling of."""
    if name in _ALIASES:
        return [_ALIASES[name]]
    spelled = {without_case(known): known for known in [*routed, *own_names]}
    if without_case(name) in spelled:
        return [spelled[without_case(name)]]
    for prefix in ROUTED_PREFIXES:
        rest = name.removeprefix(f"{prefix}_").lstrip("_")
        if rest not in ("", name):
            return [f"{prefix}__{rest}"]
    head, _, rest = name.partition("__")
    if rest:
        return [f"{prefix}__{rest}" for prefix in _similar(head, ROUTED_PREFIXES, 1, 0.6)]
    if whole := _similar(without_case(name), list(spelled), 1, 0.85):
        return [spelled[whole[0]]]
    arguments = {known.partition("__")[2]: known for known in routed}
    if name in arguments:
        return [arguments[name]]
    similar = _similar(name, [*own_names, *arguments], 3, 0.6)
    return list(dict.fromkeys(n if n in own_names else arguments[n] for n in similar))


def _similar(name: str, names: Sequence[str], n: int, cutoff: float) -> list[str]:
    return difflib.get_close_matches(name, names, n=n, cutoff=cutoff)


def _known_arguments() -> Iterator[str]:
    """Yield the routed parameters of what this package and Keras define."""
    optimizers = public_members(keras.optimizers, keras.optimizers.Optimizer)
    losses = public_members(keras.losses, keras.losses.Loss)
    for prefix, classes in (("optimizer", optimizers), ("loss", losses)):
        for cls in classes.values():
            yield from (f"{prefix}__{name}" for name in accepted_parameters(cls).names)
    for backbone in map(get_backbone, list_backbones()):
        names = read_signature(backbone.builder).names[1:]
        yield from (f"backbone__{name}" for name in names if name not in SUPPLIED["backbone"])
    for prefix, (options, _) in ROUTED_OPTIONS.items():
        yield from (f"{prefix}__{name}" for name in options)
