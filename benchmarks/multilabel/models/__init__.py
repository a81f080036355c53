"""The models that are compared, named as in the benchmark on tables; see there to add one.

``MultiOutputClassifier`` trains one `KerasMulticlassClassifier` for each label.
"""

from __future__ import annotations

from ...accuracy.models import Catalog, Entry

_SKLEARN = Entry(f"{__name__}.sklearn_models", "scikit-learn")
_OURS = Entry(f"{__name__}.our_models", "keras-multiclass")
OTHERS = {
    "OneVsRestClassifier": _SKLEARN,
    "ClassifierChain": _SKLEARN,
    "MLPClassifier": _SKLEARN,
    "RandomForestClassifier": _SKLEARN,
    "MultiOutputClassifier": Entry(f"{__name__}.one_per_label", "keras-multiclass"),
}


def _our_backbones() -> list[str]:
    from keras_multiclass import list_backbones

    return ["auto", *list_backbones(kind="table")]


MODELS = Catalog(OTHERS, _OURS, _our_backbones)
