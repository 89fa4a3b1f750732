"""The line network for handwriting: ctc_network.py's trunk for higher strips, and a longer neck.

This file is copied beside the weights and loaded by `easyocr.Reader` as a custom recognition network, so it imports
torch alone and nothing of ctc_network.py. Input is (N, 1, H, W) float in [-1, 1]; a column is 4 px wide. What
ctc_network.py has too has the same name here, so that its weights can be gone on from; what is new changes nothing
before it learnt.
"""

import torch
from torch import nn


def _block(channels_in: int, channels_out: int, stride: int | tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class Trunk(nn.Module):  # type: ignore[misc] # torch is not followed
    """(N, 1, height, W) to (N, output_channel, W / 4)."""

    def __init__(self, input_channel: int, output_channel: int, height: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            _block(input_channel, 24, 2),
            _block(24, 64, (2, 1)),
            _block(64, 64, 1),
            _block(64, 128, 2),
            _block(128, 128, 1),
            _block(128, 192, (2, 1)),
        )
        self.columns = nn.Sequential(
            nn.Conv2d(192, output_channel, (-(-height // 16), 1), bias=False),
            nn.BatchNorm2d(output_channel),
            nn.ReLU(inplace=True),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.columns(self.blocks(images)).squeeze(2)


class Neck(nn.Module):  # type: ignore[misc] # torch is not followed
    """(N, C, T) to (N, T, C): residual blocks, each looking 9 columns wide; those after the fourth begin as nothing."""

    def __init__(self, channels: int, hidden: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels, channels, 9, padding=4, groups=channels, bias=False),
                nn.BatchNorm1d(channels),
                nn.Conv1d(channels, hidden, 1),
                nn.ReLU(inplace=True),
                nn.Conv1d(hidden, channels, 1),
            )
            for _ in range(blocks)
        )
        for block in self.blocks[4:]:
            nn.init.zeros_(block[4].weight)
            nn.init.zeros_(block[4].bias)

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            columns = columns + block(columns)
        return columns.transpose(1, 2)


class Model(nn.Module):  # type: ignore[misc] # torch is not followed
    """Logits (N, W / 4, num_class) of images (N, 1, height, W); class 0 is the blank."""

    def __init__(
        self,
        input_channel: int,
        output_channel: int,
        hidden_size: int,
        num_class: int,
        height: int,
        blocks: int,
    ) -> None:
        super().__init__()
        self.trunk = Trunk(input_channel, output_channel, height)
        self.neck = Neck(output_channel, hidden_size, blocks)
        self.dropout = nn.Dropout(0.1)
        self.classes = nn.Linear(output_channel, num_class)

    def forward(self, images: torch.Tensor, text: torch.Tensor | None = None) -> torch.Tensor:
        return self.classes(self.dropout(self.features(images)))  # EasyOCR makes its linear layers take float32 alone

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Columns (N, W / 4, C) float32, computed in bfloat16 where the CPU does so: half the time, and trained so."""
        if self.training or images.is_cuda or not torch.cpu.get_capabilities().get("avx512_bf16"):
            return self.neck(self.trunk(images)).float()
        with torch.autocast("cpu", torch.bfloat16):
            return self.neck(self.trunk(images)).float()
