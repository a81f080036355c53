"""Containers of other libraries that cannot be read: one sentence says how to convert them."""

import numpy as np
import pytest
import tensorflow as tf

from _toy import tiny
from keras_multiclass._data.features import FeatureSchema
from keras_multiclass._data.foreign import check_container
from keras_multiclass._data.streams.stream import Stream


def fake(module, name, *bases, **attributes):
    """Return an instance of a class that claims to be defined in a module."""
    return type(name, bases or (), {"__module__": module, **attributes})()


def sample(shape=(2, 3), **attributes):
    return {"shape": shape, "columns": ["a", "b", "c"], "__array__": lambda *_: 1 / 0, **attributes}


class TorchDataset:
    """Like ``torch.utils.data.Dataset``, which users derive from."""

    __module__ = "torch.utils.data.dataset"
    __qualname__ = __name__ = "Dataset"

    def __getitem__(self, i):
        return [float(i)], 0

    def __len__(self):
        return 6


TorchDataset.__name__ = "Dataset"


class OwnDataset(TorchDataset):
    pass


def refuse_numpy(*_):
    raise TypeError("Got unsupported ScalarType BFloat16")


CONTAINERS = {
    "SparseTensor": (tf.sparse.from_dense([[1.0, 0], [0, 2]]), "tf.sparse.to_dense(X).numpy()"),
    "jax": (fake("jax.experimental.sparse.bcoo", "BCOO", **sample()), "X.todense()"),
    "torch Dataset": (OwnDataset(), "torch.utils.data.DataLoader(X, batch_size=64)"),
    "splits": (fake("datasets.dataset_dict", "DatasetDict", dict), "X['train']"),
    "dask": (fake("dask.bag.core", "Bag", **sample()), "X.compute()"),
    "bfloat16": (
        fake("torch", "Tensor", shape=(2, 3), dtype="torch.bfloat16", __array__=refuse_numpy),
        "X.detach().cpu().float().numpy()",
    ),
    "sparse torch": (
        fake("torch", "Tensor", shape=(2, 3), layout="torch.sparse_coo", __array__=refuse_numpy),
        "X.detach().cpu().to_dense().float().numpy()",
    ),
}


@pytest.fixture(scope="module")
def fitted():
    return tiny(epochs=1).initialize(np.eye(3), [0, 1, 2])


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_cannot_be_read_is_an_error_with_the_conversion(fitted, name):
    X, conversion = CONTAINERS[name]
    for run in (
        lambda: tiny().fit(X, [0, 1]),
        lambda: tiny().fit(X),
        lambda: fitted.predict(X),
        lambda: fitted.fit(np.eye(3), [0, 1, 2], X_val=X, y_val=[0, 1]),
    ):
        with pytest.raises(TypeError, match="X must be ") as caught:
            run()
        assert conversion in str(caught.value)


def test_the_conversion_of_tensorflow_works():
    sparse = CONTAINERS["SparseTensor"][0]
    assert FeatureSchema.learn(tf.sparse.to_dense(sparse).numpy())[1].tolist() == [[1, 0], [0, 2]]


@pytest.mark.parametrize("name", ["SparseTensor", "bfloat16"])
def test_a_batch_that_cannot_be_read_is_an_error_with_the_conversion(name):
    X, conversion = CONTAINERS[name]
    with pytest.raises(TypeError) as caught:
        next(Stream(lambda: [(X, [0, 1])]).first_pass())
    assert conversion in str(caught.value)


def test_containers_that_numpy_reads_are_accepted():
    array = np.ones((2, 3))
    for X in (
        fake("torch", "Tensor", shape=(2, 3), __array__=lambda *_, **__: array),
        fake("dask.array.core", "Array", shape=(2, 3), __array__=lambda *_, **__: array),
        tf.constant(array, tf.bfloat16),
    ):
        check_container(X)
        assert FeatureSchema.learn(X)[1].tolist() == array.tolist()
