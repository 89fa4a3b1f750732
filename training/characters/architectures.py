"""The architectures of the character network: 28x28 ink in, 62 logits out.

`baseline` is three blocks of 32, 64 and 128 filters, each two convolutions with batch norm, pooling and dropout, then a
global average, a dense layer of 128 and the classes: 312,350 parameters. `residual` spends its work where the
picture is small, and ends in a learned pooling that keeps where things are (a global average cannot tell 6 from 9 by
place), with squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507) in residual blocks (He et al. 2015,
arXiv:1512.03385).

Input float32 (N, 28, 28, 1) in [0, 1], ink = 1. Output logits float32 (N, 62) in EMNIST ByClass order: the temperatures
that make them probabilities are fitted after training and kept in the metadata. Knows no data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

CLASSES = 62

ARCHITECTURES: dict[str, Callable[[], keras.Model]] = {}


def build(name: str) -> keras.Model:
    """A Keras model with fresh weights. Raises ValueError for an unknown architecture."""
    if name not in ARCHITECTURES:
        raise ValueError(f"architecture {name!r} is not known; choose one of {', '.join(sorted(ARCHITECTURES))}")
    return ARCHITECTURES[name]()


def baseline() -> keras.Model:
    """Three blocks of 32/64/128 filters and a dense layer of 128: 312,350 parameters."""
    from keras import Input, Model, layers

    inputs = x = Input((28, 28, 1), name="ink")
    for filters in (32, 64, 128):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)  # (N, 14, 14, 32), (N, 7, 7, 64), (N, 3, 3, 128)
        x = layers.Dropout(0.25)(x)
    x = layers.GlobalAveragePooling2D()(x)  # (N, 128)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(x)
    return Model(inputs, layers.Dense(CLASSES, dtype="float32", name="logits")(x), name="baseline")


def residual() -> keras.Model:
    """Residual blocks at 14x14 and 7x7 with squeeze-and-excitation and a learned pooling."""
    from keras import Input, Model, layers

    inputs = Input((28, 28, 1), name="ink")
    x = _convolution(inputs, 16)  # (N, 28, 28, 16)
    x = _convolution(x, 32, strides=2)  # (N, 14, 14, 32)
    x = _block(x, 32)
    x = _convolution(x, 96, strides=2)  # (N, 7, 7, 96)
    x = layers.SpatialDropout2D(0.1)(x)
    x = _block(x, 96)
    x = layers.DepthwiseConv2D(7, depth_multiplier=3, use_bias=False)(x)  # (N, 1, 1, 288): each channel weighs places
    x = layers.Flatten()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.4)(layers.Activation("relu")(x))
    return Model(inputs, layers.Dense(CLASSES, dtype="float32", name="logits")(x), name="residual")


def _convolution(
    x: keras.KerasTensor, filters: int, *, strides: int = 1, activation: str | None = "relu"
) -> keras.KerasTensor:
    from keras import layers

    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Two convolutions, squeeze-and-excitation, and the way around them. Keeps the shape."""
    from keras import layers

    y = _convolution(_convolution(x, filters), filters, activation=None)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)  # (N, 1, 1, filters)
    gate = layers.Dense(filters // 8, activation="relu")(gate)
    gate = layers.Dense(filters, activation="sigmoid")(gate)
    return layers.Activation("relu")(layers.Add()([x, layers.Multiply()([y, gate])]))


ARCHITECTURES.update(baseline=baseline, residual=residual)
