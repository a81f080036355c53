"""The classifier inside the meta-estimators of scikit-learn and imbalanced-learn."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, log_loss, make_scorer, recall_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from _toy import tiny
from keras_multiclass import KerasMultilabelClassifier

X, y = load_iris(return_X_y=True)
NAMES = load_iris().target_names
WINE_X, WINE_Y = load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def fitted():
    return tiny().fit(X, y)


def test_a_pipeline_equals_its_steps_applied_in_turn():
    pipeline = make_pipeline(StandardScaler(), tiny(epochs=3)).fit(WINE_X, WINE_Y)
    scaled = StandardScaler().fit_transform(WINE_X)
    alone = tiny(epochs=3).fit(scaled, WINE_Y)
    np.testing.assert_array_equal(pipeline.predict_proba(WINE_X), alone.predict_proba(scaled))
    assert pipeline.score(WINE_X, WINE_Y) > 0.9


def test_a_column_transformer_passes_its_feature_names_on():
    frame = load_iris(as_frame=True).data
    wide = np.where(frame.pop("petal width (cm)") > 0.8, "wide", "narrow")
    frame = frame.assign(petal=pd.Categorical(wide))
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False, dtype=np.float32), ["petal"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(encode, tiny()).fit(frame, NAMES[y])
    names = ["petal_narrow", "petal_wide", *frame.columns[:3]]
    assert pipeline[-1].feature_names_in_.tolist() == names
    assert pipeline.score(frame, NAMES[y]) > 0.9


def test_the_sparse_output_of_an_encoder_is_accepted():
    coarse = (X * 2).round()
    pipeline = make_pipeline(OneHotEncoder(handle_unknown="ignore"), tiny())
    assert pipeline.fit(coarse, y).score(coarse, y) > 0.9


def test_cross_validate_works_with_label_and_probability_scorers():
    scorers = ["accuracy", "neg_log_loss", "roc_auc_ovr", "f1_macro"]
    scores = cross_validate(tiny(), WINE_X, WINE_Y, cv=3, scoring=scorers)
    assert scores["test_accuracy"].mean() > 0.9
    assert scores["test_f1_macro"].mean() > 0.9
    assert scores["test_roc_auc_ovr"].mean() > 0.98
    assert scores["test_neg_log_loss"].mean() > -0.3


def test_cross_val_predict_agrees_with_cross_validate():
    predicted = cross_val_predict(tiny(), X, NAMES[y], cv=3)
    accuracies = cross_validate(tiny(), X, NAMES[y], cv=3)["test_score"]
    assert predicted.dtype == NAMES.dtype
    assert accuracy_score(NAMES[y], predicted) == pytest.approx(accuracies.mean())
    assert accuracies.mean() > 0.9


def test_grid_search_over_routed_parameters_in_two_processes():
    grid = {"backbone__hidden_units": [(), (16,)], "optimizer__learning_rate": [1e-6, 0.05]}
    search = GridSearchCV(tiny(epochs=6), grid, cv=2, n_jobs=2).fit(X, NAMES[y])
    scores = dict(
        zip(
            [(p["backbone__hidden_units"], p["optimizer__learning_rate"])
             for p in search.cv_results_["params"]],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
    )  # fmt: skip
    assert scores[(16,), 0.05] > 0.85
    assert scores[(), 1e-6] < 0.7 > scores[(16,), 1e-6]
    assert search.best_params_["optimizer__learning_rate"] == 0.05
    assert search.best_estimator_.resolved_params_["optimizer"] == "adam"
    rate = search.best_estimator_.model_.optimizer.learning_rate
    assert float(keras.ops.convert_to_numpy(rate)) == pytest.approx(0.05)
    # The same candidate gets exactly the same score in this process.
    alone = GridSearchCV(
        tiny(epochs=6), {"optimizer__learning_rate": [0.05]}, cv=2, refit=False
    ).fit(X, NAMES[y])
    assert alone.cv_results_["mean_test_score"][0] == scores[(16,), 0.05]


def test_cross_validation_in_two_processes_predicts_exactly_as_in_one():
    cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
    # The two processes are still running after the search above.
    alone, again, parallel = (
        cross_val_predict(
            tiny(epochs=2, backbone__dropout=0.2),
            cancer_X,
            cancer_y,
            cv=3,
            method="predict_proba",
            n_jobs=n_jobs,
        )
        for n_jobs in (1, 1, 2)
    )
    np.testing.assert_array_equal(alone, again)
    np.testing.assert_array_equal(alone, parallel)
    assert np.mean(alone.argmax(axis=1) == cancer_y) > 0.9


def test_several_labels_per_row_are_predicted_in_two_processes_as_in_one():
    labels = pd.DataFrame({"long": X[:, 2] > 4, "wide": X[:, 1] > 3})
    classifier = KerasMultilabelClassifier(
        "mlp", backbone__hidden_units=(8,), epochs=1, threshold="auto", random_state=0
    )
    folds = KFold(2, shuffle=True, random_state=0)
    alone, parallel = (
        cross_val_predict(classifier, X, labels, cv=folds, n_jobs=n_jobs) for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(alone, parallel)


def test_grid_search_sets_the_arguments_of_callbacks():
    stop = {"stop": keras.callbacks.EarlyStopping}
    classifier = tiny(callbacks=stop, callbacks__stop__monitor="loss")
    # No change counts as progress, so training ends after 1 + patience epochs.
    classifier.set_params(callbacks__stop__min_delta=100.0, callbacks__stop__patience=3)
    search = GridSearchCV(classifier, {"callbacks__stop__patience": [1, 8]}, cv=2).fit(X, y)
    worse, better = search.cv_results_["mean_test_score"]
    assert worse < better > 0.9
    assert search.best_estimator_.n_iter_ == 9


def test_randomized_search_draws_learning_rates():
    space = {"optimizer__learning_rate": loguniform(1e-4, 1e-1), "batch_size": [8, 16]}
    search = RandomizedSearchCV(tiny(epochs=4), space, n_iter=3, cv=2, random_state=1).fit(X, y)
    rates = [params["optimizer__learning_rate"] for params in search.cv_results_["params"]]
    assert len(set(rates)) == 3
    assert search.best_score_ > 0.85
    assert search.best_estimator_.get_params()["optimizer__learning_rate"] in rates


def test_halving_search_spends_epochs_as_its_resource():
    search = HalvingGridSearchCV(
        tiny(),
        {"optimizer__learning_rate": [1e-6, 1e-5, 0.05]},
        resource="epochs",
        min_resources=2,
        max_resources=6,
        factor=3,
        cv=2,
        random_state=0,
    ).fit(X, y)
    assert search.n_resources_ == [2, 6]
    assert search.best_params_ == {"optimizer__learning_rate": 0.05, "epochs": 6}
    assert search.best_estimator_.n_iter_ == 6
    assert search.best_score_ > 0.85


def test_the_learning_curve_rises_with_the_number_of_rows():
    sizes, _, scores = learning_curve(
        tiny(epochs=4), X, y, cv=2, train_sizes=[0.12, 1.0], shuffle=True, random_state=0
    )
    assert sizes.tolist() == [9, 75]
    few, many = scores.mean(axis=1)
    assert few < many > 0.85


def test_permutation_importance_ranks_petals_above_sepals(fitted):
    importance = permutation_importance(fitted, X, y, n_repeats=5, random_state=0)
    sepals, petals = importance.importances_mean[:2], importance.importances_mean[2:]
    assert petals.min() > sepals.max()
    assert petals.max() > 0.1


def test_calibration_improves_an_overconfident_classifier():
    noisy = np.where(np.arange(150) % 5 == 0, (y + 1) % 3, y)
    classifier = tiny(epochs=40, batch_size=10, backbone__hidden_units=(64,))
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(X, noisy)
    raw = cross_val_predict(classifier, X, noisy, cv=2, method="predict_proba")
    # The noise differs from the one in the training labels.
    others = np.where(np.arange(150) % 5 == 1, (y + 1) % 3, y)
    assert log_loss(others, calibrated.predict_proba(X)) < log_loss(others, raw)


def test_a_tuned_threshold_raises_the_recall_of_the_rare_class():
    cancer_X, cancer_y = load_breast_cancer(return_X_y=True)
    kept = np.r_[np.flatnonzero(cancer_y == 0)[:30], np.flatnonzero(cancer_y == 1)]
    tuned = TunedThresholdClassifierCV(
        tiny(epochs=2, optimizer__learning_rate=0.005), scoring="balanced_accuracy", cv=2
    ).fit(cancer_X[kept], cancer_y[kept])
    rare = cancer_X[cancer_y == 0][30:]  # never seen
    plain = np.mean(tuned.estimator_.predict(rare) == 0)
    assert np.mean(tuned.predict(rare) == 0) > plain + 0.04


def test_soft_voting_is_the_mean_of_the_probabilities(fitted):
    voting = VotingClassifier(
        [("net", tiny()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))],
        voting="soft",
    ).fit(X, NAMES[y])
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)
    mean = (fitted.predict_proba(X) + tree.predict_proba(X)) / 2
    np.testing.assert_allclose(voting.predict_proba(X), mean)
    assert voting.score(X, NAMES[y]) > 0.9


def test_stacking_uses_out_of_fold_probabilities():
    stacking = StackingClassifier(
        [("net", tiny()), ("tree", DecisionTreeClassifier(max_depth=1, random_state=0))],
        GaussianNB(),
        cv=2,
    ).fit(X, NAMES[y])
    assert stacking.transform(X).shape == (150, 6)
    assert stacking.score(X, NAMES[y]) > 0.9


def test_bagging_trains_different_networks():
    bagging = BaggingClassifier(tiny(), n_estimators=2, max_features=3, random_state=0).fit(X, y)
    assert bagging.score(X, y) > 0.9
    first, second = bagging.estimators_
    assert first.random_state != second.random_state
    assert first.n_features_in_ == second.n_features_in_ == 3


def test_adaboost_passes_sample_weights():
    boost = AdaBoostClassifier(tiny(epochs=8), n_estimators=2, random_state=0).fit(X, NAMES[y])
    assert len(boost.estimators_) == 2
    assert boost.score(X, NAMES[y]) > 0.9


def test_self_training_labels_unlabeled_rows():
    some = np.where(np.arange(150) % 4 == 0, y, -1)
    trained = SelfTrainingClassifier(tiny(epochs=15), threshold=0.9, max_iter=2).fit(X, some)
    assert (trained.transduction_ != -1).sum() > 75
    assert trained.score(X, y) > 0.9


def test_oversampling_in_an_imbalanced_learn_pipeline_raises_the_recall_of_rare_classes():
    kept = np.r_[np.arange(0, 130), np.flatnonzero(WINE_Y == 2)[:8]]
    features, labels = WINE_X[kept], WINE_Y[kept]
    sampled, plain = (
        make_sampling_pipeline(sampler, tiny(epochs=3, optimizer__learning_rate=0.01))
        for sampler in (RandomOverSampler(random_state=0), "passthrough")
    )
    sampled.fit(features, labels)
    plain.fit(features, labels)
    recalls = [recall_score(WINE_Y, p.predict(WINE_X), average="macro") for p in (sampled, plain)]
    assert recalls[0] > recalls[1] + 0.05


def test_weights_are_routed_through_a_pipeline():
    weights = np.where(y == 2, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = tiny(epochs=3).set_fit_request(sample_weight=True)
        accuracy = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), classifier)
        pipeline.fit(X, y, sample_weight=weights)
        scores = cross_validate(
            pipeline, X, y, cv=2, scoring=accuracy, params={"sample_weight": weights}
        )["test_score"]
    scaled = StandardScaler().fit_transform(X)
    alone = tiny(epochs=3).fit(scaled, y, sample_weight=weights)
    np.testing.assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(scaled))
    assert set(pipeline.predict(X)) == {0, 1}
    # The rows of the third class, all predicted wrong, do not count.
    assert (scores > 0.9).all()
    assert pipeline.score(X, y) < 0.7


def test_validation_data_are_routed_and_transformed_by_a_pipeline():
    train, held_out = np.arange(150) % 3 > 0, np.arange(150) % 3 == 0
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = tiny(epochs=2).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("net", classifier)], transform_input=["X_val"]
        )
        pipeline.fit(X[train], y[train], X_val=X[held_out], y_val=y[held_out])
    scaler = StandardScaler().fit(X[train])
    alone = tiny(epochs=2).fit(
        scaler.transform(X[train]),
        y[train],
        X_val=scaler.transform(X[held_out]),
        y_val=y[held_out],
    )
    assert pipeline[-1].history_ == alone.history_
    assert len(alone.history_["val_loss"]) == 2


@pytest.mark.parametrize("as_stream", [False, True])
def test_validation_labels_that_a_meta_estimator_has_not_encoded_are_explained(as_stream):
    def batches():
        yield WINE_X, NAMES[WINE_Y]

    X_val = batches if as_stream else (WINE_X[1:], NAMES[WINE_Y][1:])
    calibrated = CalibratedClassifierCV(tiny(epochs=1), cv=2, ensemble=False)
    with pytest.raises(ValueError, match="unknown labels.*\n.*encoded y, but not y_val"):
        calibrated.fit(WINE_X, NAMES[WINE_Y], X_val=X_val)
    encoder = LabelEncoder().fit(NAMES[WINE_Y])
    codes = encoder.transform(NAMES[WINE_Y])
    calibrated.fit(WINE_X, codes, X_val=(WINE_X[1:], codes[1:]))


def test_unknown_validation_labels_of_a_plain_fit_are_not_explained_by_encoding():
    with pytest.raises(ValueError, match="unknown labels") as caught:
        tiny(epochs=1).fit(WINE_X, WINE_Y, X_val=(WINE_X, NAMES[WINE_Y]))
    assert "encoded" not in str(caught.value)
