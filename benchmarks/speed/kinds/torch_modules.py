"""The same networks in PyTorch, with channels on the axis that it prefers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .networks import HEADS, WIDTH, WORDS


def _convolutions(n_channels: int, filters: tuple[int, ...]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for n_in, n_out in zip((n_channels, *filters), filters, strict=False):
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return layers


class SmallCNN(nn.Module):
    """See `networks.small_cnn`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        dense = [nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, n_classes)]
        self.layers = nn.Sequential(*_convolutions(1, (32, 64)), *dense)

    def forward(self, X: torch.Tensor) -> Any:
        """Compute logits."""
        return self.layers(X.permute(0, 3, 1, 2))


class LargeCNN(nn.Module):
    """See `networks.large_cnn`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_convolutions(3, (32, 64, 128)))
        self.logits = nn.Linear(128, n_classes)

    def forward(self, X: torch.Tensor) -> Any:
        """Compute logits."""
        return self.logits(self.layers(X.permute(0, 3, 1, 2)).mean((2, 3)))


class _Recurrent(nn.Module):
    kind: type[nn.Module]

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.layer = self.kind(8, WIDTH, batch_first=True)
        self.logits = nn.Linear(WIDTH, n_classes)

    def forward(self, X: torch.Tensor) -> Any:
        """Compute logits."""
        return self.logits(self.layer(X)[0][:, -1])


class LSTM(_Recurrent):
    """See `networks.lstm`."""

    kind = nn.LSTM


class GRU(_Recurrent):
    """See `networks.gru`."""

    kind = nn.GRU


class Transformer(nn.Module):
    """See `networks.transformer`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2)
        self.logits = nn.Linear(WIDTH, n_classes)

    def forward(self, X: torch.Tensor) -> Any:
        """Compute logits."""
        return self.logits(self.layers(self.embedding(X)).mean(1))
