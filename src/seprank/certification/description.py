"""The record of a module in its certificate."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Literal

from torch import nn

from ..field import Notes, read_weights
from ..models import spec_of
from ..sources import Factory
from ..sources.code import source_hash
from .pieces import ModelRecord, ModelSettings


def describe(
    module: nn.Module, factory: Factory | None, notes: Notes | None = None, *, read_as: str = ""
) -> ModelRecord:
    """The record from which a module can be built again, with what the field noted while it ran."""
    record = replace(_describe(module, factory), read_as=read_as)
    return record if notes is None else with_notes(record, notes)


def with_notes(record: ModelRecord, notes: Notes) -> ModelRecord:
    """A record with what the field noted while the module ran."""
    return replace(
        record,
        replaced={name: sorted(places) for name, places in sorted(notes.replaced.items())},
        functions=dict(sorted(notes.functions.items())),
        constants={place: sorted(hashes) for place, hashes in sorted(notes.constants.items())},
        divisions=sorted(notes.divisions),
    )


def _describe(module: nn.Module, factory: Factory | None) -> ModelRecord:
    parameters = {name: list(p.shape) for name, p in module.named_parameters()}
    fixed = read_weights(module).digests
    spec = spec_of(module)
    if spec is not None and not fixed:
        return ModelRecord(spec.name, "registry", {**spec.settings(module)}, None, parameters, fixed)
    if factory is not None:
        return ModelRecord(factory.name, "factory", factory.settings, factory.sha256, parameters, fixed)
    return ModelRecord(*_class_record(module), parameters, fixed)


def _class_record(module: nn.Module) -> tuple[str, Literal["class"], ModelSettings, str | None]:
    cls = type(module)
    try:
        source = source_hash(inspect.getfile(cls))
    except (OSError, TypeError):
        source = None  # defined at a prompt: nothing to hash
    return f"{cls.__module__}.{cls.__qualname__}", "class", {}, source
