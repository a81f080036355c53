"""The models that are compared.

Models are named by their class, ours by their backbone. To add one, write a module in this folder
with a function ``build(name, options, seed)`` that returns a classifier for raw data frames, and
add the model to ``OTHERS``. Modules are imported only when their model runs, so they may import
their package at the top. Models whose package is not installed are skipped.
"""

from __future__ import annotations

from ...accuracy.models import Catalog, Entry

REFERENCE = "MLPClassifier"

_SKLEARN = Entry(f"{__name__}.sklearn_models", "scikit-learn")
_LIGHTGBM = Entry(f"{__name__}.lightgbm_models", "lightgbm")
_XGBOOST = Entry(f"{__name__}.xgboost_models", "xgboost")
_CATBOOST = Entry(f"{__name__}.catboost_models", "catboost")
_PYTABKIT = Entry(f"{__name__}.pytabkit_models", "pytabkit")
OTHERS = {
    "LogisticRegression": _SKLEARN,
    REFERENCE: _SKLEARN,
    "RandomForestClassifier": _SKLEARN,
    "HistGradientBoostingClassifier": _SKLEARN,
    "LGBMClassifier": _LIGHTGBM,
    "XGBClassifier": _XGBOOST,
    "CatBoostClassifier": _CATBOOST,
    "RealMLP_TD_Classifier": _PYTABKIT,
    "TabM_D_Classifier": _PYTABKIT,
}


def _our_backbones() -> list[str]:
    from keras_multiclass import list_backbones

    return ["auto", *list_backbones(kind="table")]


MODELS = Catalog(OTHERS, Entry(f"{__name__}.our_models", "keras-multiclass"), _our_backbones)
