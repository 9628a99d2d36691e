"""Weights that public packages ship, trained and drawn anew: how much of what the end says depends on the start.

    pip download --no-deps g2p_en==2.1.0 silero-vad==6.2.3
    python docs/studies/trained.py g2p_en-2.1.0-py3-none-any.whl silero_vad-6.2.3-py3-none-any.whl

Nothing of the packages is installed or run: arrays are read out of the wheels.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import seprank as sr

LENGTHS, HALVES = (8, 12), 128
Arrays = Mapping[str, Any]


class Speller(nn.Module):
    """The encoder of g2p_en, which reads letters: an embedding and a GRU."""

    def __init__(self, letters: int = 29, width: int = 256) -> None:
        super().__init__()
        self.embedding, self.rnn = nn.Embedding(letters, width), nn.GRU(width, width, batch_first=True)

    def forward(self, letters: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        output, state = self.rnn(self.embedding(letters), state)
        return output, state

    def load(self, arrays: Arrays) -> None:
        """Weights of `checkpoint20.npz`; its gates are in torch's order."""
        names = {
            f"rnn.{kind}_{side}_l0": f"enc_{kind[0]}_{side}" for kind in ("weight", "bias") for side in ("ih", "hh")
        }
        names["embedding.weight"] = "enc_emb"
        self.load_state_dict({name: torch.from_numpy(arrays[there]) for name, there in names.items()})


class Listener(nn.LSTM):
    """The recurrent part of silero-vad at 16 kHz, from the features of a window to its state."""

    def __init__(self, width: int = 128) -> None:
        super().__init__(width, width, batch_first=True)

    def load(self, arrays: Arrays) -> None:
        """Weights of `silero_vad_16k.safetensors`."""
        names = [f"{kind}_{side}" for kind in ("weight", "bias") for side in ("ih", "hh")]
        self.load_state_dict({f"{name}_l0": torch.from_numpy(arrays[f"lstm_cell.{name}"]) for name in names})


def npz(wheel: Path) -> Arrays:
    """Arrays of g2p_en."""
    with zipfile.ZipFile(wheel) as archive:
        return dict(np.load(io.BytesIO(archive.read("g2p_en/checkpoint20.npz"))))


def tensors(wheel: Path) -> Arrays:
    """Arrays of silero-vad."""
    from safetensors.numpy import load

    with zipfile.ZipFile(wheel) as archive:
        return load(archive.read("silero_vad/data/silero_vad_16k.safetensors"))


def rows(name: str, model: Speller | Listener) -> list[str]:
    """A line of the table for each length."""
    lines = []
    for length in LENGTHS:
        found = sr.measure(model, length=length, starts=HALVES, ends=HALVES, progress=False)
        figures = f"{found.entropy:.3f} | {100 * found.memory:.1f} % | {100 * found.shares.interaction:.2f} %"
        lines.append(f"| {name} | {length} | {figures} |")
    return lines


def main() -> None:
    """Print the table."""
    spelling, listening = (Path(wheel) for wheel in sys.argv[1:3])
    lines = ["| weights | length | entropy | memory | joint |", "|---|---|---|---|---|"]
    for kind, name, arrays in ((Speller, "g2p_en", npz(spelling)), (Listener, "silero-vad", tensors(listening))):
        torch.manual_seed(0)
        drawn, trained = kind(), kind()
        trained.load(arrays)
        lines += [*rows(f"{name}, trained", trained), *rows(f"{name}, drawn anew", drawn)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
