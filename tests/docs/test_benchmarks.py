"""The benchmarks of accuracy read, split and evaluate as documented, with correct arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

from benchmarks.accuracy import program  # noqa: E402
from benchmarks.accuracy.models import Model, parse_model  # noqa: E402
from benchmarks.accuracy.preprocessing import encode_table, impute_numbers  # noqa: E402
from benchmarks.accuracy.reading import check_folder  # noqa: E402
from benchmarks.accuracy.results import (  # noqa: E402
    append_result,
    check_labels,
    keep_common,
    read_results,
)
from benchmarks.accuracy.running import Fit, FitError, plan, run  # noqa: E402
from benchmarks.multilabel import models as multilabel_models  # noqa: E402
from benchmarks.multilabel import report as multilabel_report  # noqa: E402
from benchmarks.multilabel.__main__ import PROGRAM as MULTILABEL  # noqa: E402
from benchmarks.multilabel.results import LabelsResult  # noqa: E402
from benchmarks.tables import selection  # noqa: E402
from benchmarks.tables.__main__ import PROGRAM as TABLES  # noqa: E402
from benchmarks.tables.data import (  # noqa: E402
    HOW_TO_GET,
    N_GROUPS,
    group_of,
    load_table,
    split_table,
)
from benchmarks.tables.data import TABLES as SIZES_OF_TABLES  # noqa: E402
from benchmarks.tables.measuring import evaluate, measure  # noqa: E402
from benchmarks.tables.models import MODELS  # noqa: E402
from benchmarks.tables.report import format_report  # noqa: E402
from benchmarks.tables.results import TableResult  # noqa: E402
from benchmarks.tables.selection import CHOSEN, choose, judge, paired  # noqa: E402
from benchmarks.tables.summary import mean_by_table, summarize  # noqa: E402

from keras_multiclass.evaluation import ClassificationReport  # noqa: E402

REFERENCE = "MLPClassifier"
NAN = float("nan")


def _result(model: str, table: str = "car", split: int = 0, **measures: float) -> TableResult:
    usual = {"error": 0.5, "macro_f1": 0.5, "log_loss": 1.0, "fit_seconds": 1.0}
    usual["calibration_error"] = 0.1
    scores = {**usual, "predict_seconds": 0.1, **measures}
    named = Model(model, model)
    return TableResult.of(table, split, named, "some package 1.0", scores, timed=True)


def _frame(*results: TableResult) -> pd.DataFrame:
    return pd.DataFrame([asdict(result) for result in results])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table of 30 rows: numbers and categories, both with missing values."""
    table = pl.DataFrame(
        {
            "size": [1.0, 2.0, None] * 10,
            "count": list(range(30)),
            "color": pl.Series(["red", None, "blue"] * 10, dtype=pl.Categorical),
            "target": ["yes"] * 20 + ["no"] * 10,
        }
    )
    table.write_parquet(tmp_path / "car.parquet")
    return tmp_path


def test_a_table_is_read_as_numbers_categories_and_text(folder):
    X, y = load_table(folder / "car.parquet")
    assert list(X) == ["size", "count", "color"]
    np.testing.assert_array_equal(X["size"][:3], [1.0, 2.0, NAN])
    assert X["count"].tolist() == list(range(30))
    assert X["color"].dtype == "category"
    assert X["color"].isna().tolist() == [False, True, False] * 10
    assert set(X["color"].cat.categories) == {"red", "blue"}
    assert y.dtype.kind == "U"
    assert y.tolist() == ["yes"] * 20 + ["no"] * 10


def test_a_split_holds_out_three_tenths_of_each_class_and_is_determined_by_its_number(folder):
    X, y = load_table(folder / "car.parquet")
    first, again, other = (split_table(X, y, split) for split in (0, 0, 1))
    assert sorted(first.y_test) == ["no"] * 3 + ["yes"] * 6
    held_out = first.X_test["count"].tolist()
    assert sorted(held_out + first.X_train["count"].tolist()) == list(range(30))
    assert again.X_test["count"].tolist() == held_out
    assert other.X_test["count"].tolist() != held_out


def test_without_the_tables_an_error_explains_where_to_get_them(folder):
    files = [f"{table}.parquet" for table in ("car", "vowel")]
    assert check_folder(folder, files[:1], HOW_TO_GET) == folder
    with pytest.raises(ValueError, match="no file vowel.parquet(.|\n)*UCI(.|\n)*CC BY 4.0"):
        check_folder(folder, files, HOW_TO_GET)
    with pytest.raises(ValueError, match="KERAS_MULTICLASS_TABLES"):
        check_folder(None, files, HOW_TO_GET)


def test_models_that_need_numbers_get_imputed_flagged_and_one_hot_columns():
    train = pd.DataFrame({"size": [1.0, NAN, 3.0], "color": pd.Categorical(["red", None, "red"])})
    test = pd.DataFrame({"size": [NAN], "color": pd.Categorical(["green"])})
    filled = impute_numbers().fit_transform(train)
    assert filled.iloc[:, 0].tolist() == [1.0, 2.0, 3.0]
    assert filled.iloc[:, 1].tolist() == [0.0, 1.0, 0.0]
    assert filled.iloc[:, 2].dtype == "category"
    prepared = encode_table().fit(train)
    # The size has variance 2/3; the indicator has mean 1/3 and variance 2/9.
    high, low = math.sqrt(3 / 2), math.sqrt(2)
    expected = [[-high, -1 / low, 1, 0], [0, low, 0, 1], [high, -1 / low, 1, 0]]
    np.testing.assert_allclose(prepared.transform(train), expected)
    np.testing.assert_allclose(prepared.transform(test), [[0, low, 0, 0]])


def test_probabilities_are_scored_by_error_macro_f1_and_clipped_log_loss():
    y = np.array(["a", "a", "b", "b"])
    probabilities = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0], [0.25, 0.75]])
    scores = evaluate(y, probabilities, np.array(["a", "b"]))
    assert scores["error"] == 0.25
    # a: precision 2/3, recall 1; b: precision 1, recall 1/2.
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    losses = [math.log(2), -math.log(0.75), 23 * math.log(2), -math.log(0.75)]
    assert scores["log_loss"] == pytest.approx(sum(losses) / 4, rel=1e-6)
    # Bins (7/15, 8/15], (11/15, 12/15] and (14/15, 1]: confidences 0.5; 0.75 twice; 1. All are
    # right but the last.
    assert scores["calibration_error"] == pytest.approx((0.5 + 2 * 0.25 + 1) / 4)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_calibration_error_is_that_of_the_evaluation(n_classes):
    rng = np.random.default_rng(n_classes)
    probabilities = rng.dirichlet(np.full(n_classes, 0.5), size=300)
    probabilities[:3] = np.eye(n_classes)[0]
    y = rng.integers(n_classes, size=300)
    report = ClassificationReport.from_predictions(y, y_proba=probabilities)
    measured = evaluate(y, probabilities, np.arange(n_classes))["calibration_error"]
    assert measured == pytest.approx(report.overall["expected_calibration_error"], abs=1e-12)


def test_only_splits_on_which_all_models_were_fitted_are_compared():
    fits = _frame(_result("a", split=0), _result("a", split=1), _result("b", split=1))
    assert keep_common(fits)[["model", "split"]].values.tolist() == [["a", 1], ["b", 1]]
    assert "no split" in format_report([_result("a"), _result("b", split=1)], markdown=False)


def test_tables_have_equal_weight_regardless_of_their_number_of_splits():
    fits = _frame(
        _result("a", "car", 0, error=0.1, log_loss=1.0, macro_f1=0.2),
        _result("a", "car", 1, error=0.3, log_loss=3.0, macro_f1=0.4),
        _result("a", "vowel", 0, error=0.6, log_loss=4.0, macro_f1=0.5),
    )
    assert mean_by_table(fits, "error")["a"].to_dict() == {"car": 0.2, "vowel": 0.6}
    row = summarize(fits).loc["a"]
    assert row[["error", "log_loss", "macro_f1"]].tolist() == pytest.approx([0.4, 3.0, 0.4])


def test_ranks_and_wins_are_based_on_the_mean_error_of_each_table():
    errors = {
        "car": {"good": 0.1, "tied": 0.1, REFERENCE: 0.2, "bad": 0.3},
        "vowel": {"good": 0.3, "tied": 0.4, REFERENCE: 0.2, "bad": 0.5},
        "splice": {"good": 0.1, "tied": 0.3, REFERENCE: 0.3, "bad": 0.4},
    }
    fits = [
        # The two splits of a table disagree; their mean decides.
        _result(model, table, split, error=error + (-1) ** split * 0.05)
        for table, row in errors.items()
        for model, error in row.items()
        for split in (0, 1)
    ]
    summary = summarize(_frame(*fits))
    assert summary["rank"].to_dict() == pytest.approx(
        {
            "good": (1.5 + 2 + 1) / 3,
            REFERENCE: (3 + 1 + 2.5) / 3,
            "tied": (1.5 + 3 + 2.5) / 3,
            "bad": 4.0,
        }
    )
    assert list(summary.index) == ["good", REFERENCE, "tied", "bad"]
    counts = summary[["wins", "ties", "losses"]].T.to_dict("list")
    assert counts == {
        "good": [2, 0, 1],
        "tied": [1, 1, 1],
        REFERENCE: [0, 3, 0],
        "bad": [0, 0, 3],
    }


def test_fit_times_are_compared_split_by_split_and_only_if_timed():
    seconds = {REFERENCE: [1.0, 2.0, 4.0, 1.0], "slow": [3.0, 4.0, 20.0, 100.0]}
    fits = [
        replace(_result(model, split=split, fit_seconds=value), timed=split != 3)
        for model, values in seconds.items()
        for split, value in enumerate(values)
    ]
    summary = summarize(_frame(*fits))
    assert summary["fit_seconds"].to_dict() == {REFERENCE: 2.0, "slow": 4.0}
    assert summary["ratio"].to_dict() == {REFERENCE: 1.0, "slow": 3.0}
    busy = summarize(_frame(*(replace(result, timed=False) for result in fits)))
    assert busy[["fit_seconds", "ratio"]].isna().all(axis=None)
    assert summarize(_frame(fits[-1])).loc["slow", ["wins", "ratio"]].isna().all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("auto", Model("auto", "auto", {})),
        ("auto:epochs=5", Model("auto", "auto:epochs=5", {"epochs": 5})),
        (
            "wide=mlp:backbone__hidden_units=(64, 32),optimizer='sgd'",
            Model("mlp", "wide", {"backbone__hidden_units": (64, 32), "optimizer": "sgd"}),
        ),
    ],
)
def test_a_model_is_parsed_with_options_and_a_label(text, expected):
    assert parse_model(text) == expected


@pytest.mark.parametrize("text", ["", "auto:5", "auto:epochs", "auto:epochs=many", "auto:a=1)("])
def test_an_invalid_model_is_an_error_that_shows_the_format(text):
    with pytest.raises(ValueError, match="name:option=value.*epochs=50"):
        parse_model(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mlp:epochs=5", {"backbone": "mlp", "epochs": 5, "random_state": 3}),
        (REFERENCE, {"mlpclassifier__random_state": 3, "mlpclassifier__alpha": 0.0001}),
        ("LogisticRegression:C=2.0", {"logisticregression__max_iter": 1000}),
        ("HistGradientBoostingClassifier", {"categorical_features": "from_dtype"}),
        ("auto:one_hot=True,epochs=5", {"kerasmulticlassclassifier__epochs": 5}),
    ],
)
def test_a_model_is_built_with_its_seed_and_options(text, expected):
    parameters = MODELS.build(parse_model(text), seed=3).get_params()
    assert {name: parameters[name] for name in expected} == expected


def test_an_unknown_model_is_an_error_that_lists_the_known_ones():
    MODELS.check([Model("auto", "auto"), Model(REFERENCE, "other")])
    with pytest.raises(
        ValueError, match="unknown model 'autp'; known models are .*MLPClassifier.* auto, .*mlp"
    ):
        MODELS.check([Model("autp", "autp")])


def test_results_are_read_back_from_their_file(tmp_path):
    file = tmp_path / "results.jsonl"
    assert read_results(file, TableResult) == []
    results = [_result("a"), replace(_result("b"), options={"epochs": 5}, timed=False)]
    for result in results:
        append_result(file, result)
    assert read_results(file, TableResult) == results


def test_a_label_is_used_for_one_model_with_its_options():
    model = parse_model("wide=mlp:backbone__hidden_units=(64,)")
    known = replace(_result("wide"), name="mlp", options={"backbone__hidden_units": [64]})
    check_labels([model], [known])
    with pytest.raises(ValueError, match="'wide' is already used for"):
        check_labels([parse_model("wide=mlp")], [known])
    with pytest.raises(ValueError, match="'wide' is already used for"):
        check_labels([model, parse_model("wide=mlp")], [])


def test_models_take_turns_and_every_table_gets_a_result_early():
    a, b = Model("a", "a"), Model("b", "b")
    order = [fit.key for fit in plan([a, b], ["car", "vowel"], [0, 1])]
    first = [("car", 0, "a"), ("car", 0, "b"), ("vowel", 0, "a"), ("vowel", 0, "b")]
    assert order == first + [(table, 1, model) for table, _, model in first]


def test_a_fit_that_fails_does_not_stop_the_others(folder):
    bad = parse_model("LogisticRegression:C=-1.0")
    fits = [Fit("car", 0, bad), Fit("car", 0, replace(bad, options={})), Fit("car", 1, bad)]
    (_, failed), (_, measures), _ = run(fits, lambda table: folder / f"{table}.parquet", measure)
    assert isinstance(failed, FitError)
    assert "InvalidParameterError" in str(failed)
    assert 0 <= measures["error"] <= 1
    assert measures["fit_seconds"] > 0


def test_the_command_skips_existing_results_and_shows_the_selected_models(
    folder, monkeypatch, capsys
):
    for name in program.QUIET:
        monkeypatch.setenv(name, "")
    file = folder / "results.jsonl"
    for result in (_result(REFERENCE, error=0.2), _result("auto", error=0.125)):
        append_result(file, result)
    before = file.read_bytes()
    choice = ["--data", str(folder), "--results", str(file), "--table", "car", "--split", "0"]
    TABLES.main([*choice, "--model", REFERENCE, "--model", "auto", "--markdown"])
    assert file.read_bytes() == before
    lines = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    assert "|auto|12.50|1.0000|0.5000|0.1000|1.00|1.50|1/0/0|1.00s|1.00|" in lines
    assert "|MLPClassifier|20.00|" in lines
    TABLES.main([*choice, "--only-show", "--show", "auto"])
    shown = capsys.readouterr().out.splitlines()
    assert any(line.startswith("auto ") for line in shown)
    assert not any(line.startswith(REFERENCE) for line in shown)


def _labels_result(model: str, split: int, **measures: float) -> LabelsResult:
    usual = dict.fromkeys([*multilabel_report.MEASURES, "fit_seconds", "predict_seconds"], 0.5)
    scores = {**usual, **measures}
    return LabelsResult.of("yeast", split, Model(model, model), "1.0", scores, timed=True)


def test_differences_from_the_best_model_are_paired_by_split():
    results = [
        _labels_result(model, split, micro_f1=f1, hamming_loss=loss)
        for model, pairs in {
            "a": [(0.5, 0.2), (0.7, 0.3)],
            "b": [(0.4, 0.1), (0.5, 0.1)],
        }.items()
        for split, (f1, loss) in enumerate(pairs)
    ]
    fits = _frame(*results)
    f1 = multilabel_report.by_split(fits, "micro_f1")
    # Differences -0.1 and -0.2: standard deviation sqrt(0.005), divided by sqrt(2).
    difference = multilabel_report.difference_from_best(f1, lower_is_better=False)
    assert difference.loc["a"].tolist() == [0.0, 0.0]
    assert difference.loc["b"].tolist() == pytest.approx([-0.15, 0.05])
    losses = multilabel_report.by_split(fits, "hamming_loss")
    difference = multilabel_report.difference_from_best(losses, lower_is_better=True)
    assert difference["mean"].tolist() == pytest.approx([0.15, 0.0])
    shown = multilabel_report.format_report(results, markdown=True)
    lines = [line.replace(" ", "") for line in shown.splitlines()]
    assert "|a|0.600±0.100|0.500±0.000|0.500±0.000|0.250±0.050|0.50s|" in lines
    assert "|b|-0.150±0.050|best|best|best|" in lines


@pytest.mark.parametrize("name", multilabel_models.OTHERS)
def test_models_of_several_labels_are_built_with_their_options(name):
    option = {
        "MLPClassifier": "max_iter=3",
        "RandomForestClassifier": "max_depth=3",
        "MultiOutputClassifier": "epochs=3",
    }.get(name, "C=3")
    parameters = multilabel_models.MODELS.build(
        parse_model(f"{name}:{option}"), seed=5
    ).get_params()
    key = option.partition("=")[0]
    assert [value for k, value in parameters.items() if k.split("__")[-1] == key][-1] == 3


def test_a_model_of_several_labels_is_measured_on_a_split_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.normal(size=60) for i in range(3)}
    labels = {f"label_{i}": (columns[f"x{i}"] > 0).astype(int) for i in range(3)}
    path = tmp_path / "multilabel_emotions.parquet"
    pl.DataFrame({**columns, **labels}).write_parquet(path)
    # A list of the two columns of each label, and a matrix with one column for each.
    for text in ("RandomForestClassifier:n_estimators=5", "OneVsRestClassifier"):
        measures = MULTILABEL.measure(parse_model(text), path, 0)
        assert {*measures} == {*multilabel_report.MEASURES, "fit_seconds", "predict_seconds"}
        assert measures["ranking_precision"] > 0.5 > measures["hamming_loss"]


def test_quick_uses_the_first_table_and_split(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    for split in (0, 1):
        append_result(file, _labels_result("a", split, micro_f1=split))
        other = replace(_labels_result("a", split, micro_f1=split + 2), table="emotions")
        append_result(file, other)
    MULTILABEL.main(["--results", str(file), "--only-show", "--quick"])
    shown = capsys.readouterr().out
    assert "emotions: means and standard errors of 1 splits" in shown
    assert "2.000" in shown
    assert "yeast" not in shown


def _losses(**by_model: Sequence[float]) -> pd.DataFrame:
    """Losses on the first ten tables, two of each group."""
    return pd.DataFrame(by_model, index=list(SIZES_OF_TABLES)[:10])


def test_each_group_of_tables_is_judged_by_a_choice_that_it_did_not_influence():
    assert {group_of(table) for table in SIZES_OF_TABLES} == set(range(N_GROUPS))
    # "a" is best on all tables but those of group 0, where it is so bad that it loses overall.
    losses = _losses(a=[9.0, 1, 1, 1, 1] * 2, b=[2.0, 2, 2, 2, 2] * 2)
    choices = choose(losses, ["a", "b"])
    assert choices == ["a", "b", "b", "b", "b"]
    assert judge(losses, choices)[CHOSEN].tolist() == [9.0, 2, 2, 2, 2] * 2


def test_differences_from_the_choice_have_standard_errors_over_tables():
    values = _losses(a=[1.0] * 10, rival=[1.0, 2.0] * 5).assign(**{CHOSEN: 1.0})
    difference = paired(values).loc["rival"]
    # Ten differences 0 and 1: variance 10 / 4 / 9.
    assert difference.tolist() == pytest.approx([0.5, math.sqrt(2.5 / 9 / 10)])


def test_the_command_compares_the_choice_with_rivals(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    for table in list(SIZES_OF_TABLES)[:10]:
        in_first = group_of(table) == 0
        for model, loss in {
            "a": 9.0 if in_first else 1.0,
            "b": 2.0,
            "LogisticRegression": 4.0,
        }.items():
            append_result(file, _result(model, table, log_loss=loss))
    choice = ["--results", str(file), "--candidate", "a", "--candidate", "b"]
    selection.main([*choice, "--markdown"])
    lines = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    # Chosen: a for group 0 (1.0 elsewhere), b for the others.
    assert "|a|2.6000|0|" in lines
    assert "|b|2.0000|1,2,3,4|" in lines
    assert "|chosen:tablesthatchose|1.8000||" in lines
    assert "|chosen:tablesthatdidnot|3.4000||" in lines
    assert "|zoo|9.0000|LogisticRegression|4.0000|2.250|2.250|" in lines
    assert "|tae|2.0000|LogisticRegression|4.0000|0.500|0.500|" in lines
    with pytest.raises(SystemExit):
        selection.main([*choice, "--candidate", "c"])
    assert "no results of c" in capsys.readouterr().err
