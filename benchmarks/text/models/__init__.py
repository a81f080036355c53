"""The models that are compared, named as in the benchmark on tables; see there to add one."""

from __future__ import annotations

from ...accuracy.models import Catalog, Entry

_SKLEARN = Entry(f"{__name__}.sklearn_models", "scikit-learn")
_OURS = Entry(f"{__name__}.our_models", "keras-multiclass")
OTHERS = {"LogisticRegression": _SKLEARN, "MLPClassifier": _SKLEARN}


def _our_backbones() -> list[str]:
    from keras_multiclass import list_backbones

    return ["auto", *list_backbones(kind="text"), *list_backbones(kind="sequence")]


MODELS = Catalog(OTHERS, _OURS, _our_backbones)
