"""What a certificate records of the module that it is about."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from torch import nn

from ..field import read_weights
from ..models import spec_of
from ..sources import Factory
from ..sources.factory import source_hash
from .certificate import ModelRecord


def describe(module: nn.Module, factory: Factory | None) -> ModelRecord:
    """What a certificate records of a module, so that the same can be made again."""
    parameters = {name: list(p.shape) for name, p in module.named_parameters()}
    fixed = read_weights(module).digests
    spec = spec_of(module)
    if spec is not None and not fixed:
        return ModelRecord(spec.name, "registry", {**spec.settings(module)}, None, parameters)
    if factory is not None:
        return ModelRecord(factory.name, "factory", factory.settings, factory.sha256, parameters, fixed)
    return ModelRecord(*_class_record(module), parameters, fixed)


def _class_record(module: nn.Module) -> tuple[str, Literal["class"], dict[str, Any], str | None]:
    cls = type(module)
    try:
        source = source_hash(inspect.getfile(cls))
    except (OSError, TypeError):
        source = None  # defined at a prompt: nothing to hash
    return f"{cls.__module__}.{cls.__qualname__}", "class", {}, source
