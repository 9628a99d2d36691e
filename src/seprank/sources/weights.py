"""Trained weights from a file, without running any code that the file may contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


class WeightsError(ValueError):
    """Weights cannot be loaded into a module; the message says why."""


def load_weights(module: nn.Module, path: str | Path) -> nn.Module:
    """Load a .safetensors file, or a .pt or .pth file of tensors only, into a module.

    Args:
        module: takes the weights; it is changed.
        path: the file. A checkpoint that holds more is searched for an entry `state_dict` or `model`.

    Returns:
        The module.

    Raises:
        WeightsError: the file is of another kind, holds code, or does not fit the module.
    """
    from ..system.files import FileError, existing_file

    try:
        state = _read(existing_file(path))
    except FileError as error:
        raise WeightsError(str(error)) from None
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        details = "; ".join(line.strip() for line in str(error).splitlines()[1:4])
        raise WeightsError(f"{path} does not fit {type(module).__name__}: {details}") from None
    return module


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise WeightsError(f"{path} is not a safetensors file: {error}") from None
    if path.suffix in (".pt", ".pth"):
        return _read_torch(path)
    raise WeightsError(f"weights must be a .safetensors, .pt or .pth file, got {path.name}; a pickle may contain code")


def _read_torch(path: Path) -> dict[str, Tensor]:
    from pickle import UnpicklingError

    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, which would be code to run; save module.state_dict() only"
        ) from None
    except Exception as error:  # whatever torch's reader meets in a file that is none, or is damaged
        raise WeightsError(f"{path} is not a file of torch.save: {type(error).__name__}: {error}") from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise WeightsError(f"{path} must hold a dictionary of tensors, got {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise WeightsError(
                f"{path} must hold tensors by the names of parameters, got {name!r}: {type(value).__name__}; "
                "save module.state_dict()"
            )
    return content
