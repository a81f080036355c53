"""scikit-learn's classifiers on TF-IDF features of words and pairs of words."""

from __future__ import annotations

from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def build(name: str, options: dict[str, Any], seed: int) -> Any:
    """Build a pipeline; `C` of the logistic regression is searched unless it is given."""
    if name == "MLPClassifier":
        return make_pipeline(_vectorizer(), MLPClassifier(random_state=seed, **options))
    # 100 iterations are too few for LogisticRegression to converge.
    regression = LogisticRegression(**{"max_iter": 1000, **options})
    pipeline = make_pipeline(_vectorizer(), regression)
    if "C" in options:
        return pipeline
    return GridSearchCV(pipeline, {"logisticregression__C": STRENGTHS})


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2))
