"""Look up public Keras classes by name, in CamelCase or snake_case."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from sklearn.metrics import get_scorer_names

from keras_multiclass._shared.messages import describe, did_you_mean, format_list, invalid

__all__ = [
    "look_up",
    "loss_lookup",
    "metric_lookup",
    "public_members",
    "schedule_lookup",
    "snake_name",
    "without_case",
]

_SHORT_NAMES = {
    "mse": "MeanSquaredError",
    "rmse": "RootMeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
    "kld": "KLDivergence",
}

# What users of other libraries may call our names, without underscores, or by their `_core`.
_MEANT = {
    **dict.fromkeys(("log", "nll"), ("crossentropy",)),
    **dict.fromkeys(("exactmatch", "exactmatchratio", "emr", "zeroone"), ("accuracy",)),
    "hamming": ("hamming_loss", "binary_accuracy"),
    "brier": ("mean_squared_error",),
    **dict.fromkeys(("kappa", "cohenkappa"), ("cohen_kappa",)),
    "mcc": ("matthews_correlation",),
    "topkaccuracy": ("top_3_accuracy", "top_5_accuracy"),
    "meansquaredlogerror": ("mean_squared_logarithmic_error",),
    **dict.fromkeys(("hammingscore", "hammingaccuracy", "labelaccuracy"), ("binary_accuracy",)),
    **dict.fromkeys(("auroc", "rocauc", "aucroc"), ("macro_auc", "micro_auc")),
    **dict.fromkeys(("rocaucovr", "rocaucovo"), ("macro_auc",)),
    **dict.fromkeys(("rocaucovrweighted", "rocaucovoweighted"), ("weighted_auc",)),
    **dict.fromkeys(
        ("ap", "map", "prauc", "aucpr", "auprc"),
        ("macro_average_precision", "micro_average_precision"),
    ),
    **dict.fromkeys(("f2", "fbeta"), ("f_beta_score",)),
    "lrap": ("label_ranking_average_precision",),
}


def snake_name(name: str) -> str:
    """Convert a CamelCase name to snake_case as Keras does (``F1Score`` -> ``f1_score``)."""
    pieces: list[str] = []
    for i, char in enumerate(name):
        before = name[i - 1] if i else ""
        after = name[i + 1] if i + 1 < len(name) else ""
        starts_word = char.isupper() and i > 0 and before != "_"
        if starts_word and (before.islower() or before.isdigit() or after.islower()):
            pieces.append("_")
        pieces.append(char.lower())
    return "".join(pieces)


def without_case(name: str) -> str:
    """Normalize a name, so that its CamelCase and snake_case spellings are equal."""
    return name.replace("_", "").lower()


def look_up(
    name: str,
    what: str,
    public: Mapping[str, Any],
    others: Sequence[str] = (),
    *,
    instead: str = "",
) -> Any:
    """Return the class or function of a name in CamelCase or snake_case.

    Parameters
    ----------
    name : str
        Name passed by the user.
    what : str
        Name of the parameter in error messages.
    public : mapping of str to class or function
        Known names.
    others : sequence of str, default=()
        Further names to list in the error message.
    instead : str, default=""
        What to say instead of names that are only spelled similarly, if the name has a meaning.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    normalized = without_case(_SHORT_NAMES.get(name.lower(), name))
    for public_name, target in public.items():
        if without_case(public_name) == normalized:
            return target
    spelled = list(public) if name != name.lower() else list(map(snake_name, public))
    raise ValueError(
        invalid(
            what,
            f"one of {format_list([*others, *sorted(public)])}",
            describe(name),
            _suggestion(name, others, spelled, instead),
        )
    )


def _suggestion(name: str, others: Sequence[str], spelled: Sequence[str], instead: str) -> str:
    """Suggest the same words, what a name may mean, similar names, or names with its words."""
    candidates = [*others, *spelled]
    words = _core(name)
    core, same = "".join(words), set(words) - {"roc"} or set(words)
    found = [c for c in candidates if same == set(c.split("_")) or without_case(c) == core]
    found += [
        meant
        for meant in _MEANT.get(without_case(name), _MEANT.get(core, ()))
        if meant in candidates
    ]
    if not found and not instead:
        similar = did_you_mean(name, candidates).strip()
        if similar:
            return similar
    if not found:
        found = [c for c in (others if instead else candidates) if same <= set(c.split("_"))]
    return f"Did you mean {' or '.join(map(repr, found[:3]))}?" if found else instead


def _core(name: str) -> list[str]:
    """Return the words of a name without those that scikit-learn adds to names of metrics."""
    words = snake_name(name).split("_")
    while len(words) > 1 and words[0] in ("neg", "d2"):
        del words[0]
    while len(words) > 1 and words[-1] in ("score", "loss"):
        del words[-1]
    return words


def public_members(module: Any, base: type, *, functions: bool = False) -> dict[str, Any]:
    """Return the public classes of a Keras namespace, followed by its functions if requested."""
    members = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    public: dict[str, Any] = {
        n: v
        for n, v in members.items()
        if inspect.isclass(v) and issubclass(v, base) and v is not base
    }
    if functions:
        tools = {"get", "serialize", "deserialize"}
        taken = {without_case(n) for n in public}
        for n, v in members.items():
            if inspect.isfunction(v) and n not in tools and without_case(n) not in taken:
                public[n] = v
    return public


def schedule_lookup(name: str) -> type:
    """Return the Keras learning-rate schedule of a name such as ``"cosine_decay"``."""
    schedules = keras.optimizers.schedules
    return look_up(
        name, "optimizer__learning_rate", public_members(schedules, schedules.LearningRateSchedule)
    )


def loss_lookup(name: str) -> Any:
    """Return the Keras loss class or function of a name."""
    known = public_members(keras.losses, keras.losses.Loss, functions=True)
    return look_up(name, "loss", known, ["auto", "crossentropy"])


def metric_lookup(name: str, others: Sequence[str] = ()) -> Any:
    """Return the Keras metric class or function of a name; an error lists ``others`` too."""
    known = public_members(keras.metrics, keras.metrics.Metric, functions=True)
    scorers = get_scorer_names()
    usable = ", ".join(repr(other) for other in dict.fromkeys(others) if other in scorers)
    of_scorer = f"Of scikit-learn's scorers, these are metrics here: {usable}."
    return look_up(name, "metrics", known, others, instead=of_scorer if name in scorers else "")
