"""The module that a certificate is about, built only after its stated size has been checked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from torch import nn

from ..adapters.copies import unwrap
from ..field import Notes
from ..models import ModelSpec, find_model
from ..sources import Factory
from ..sources.code import FactoryError
from ..system.memory import MemoryBudgetError
from ..system.names import quoted_name, shown
from .certificate import Certificate
from .cost import Meter, count_numbers
from .description import describe, with_notes
from .form import CertificateError
from .pieces import ModelRecord

_SIZES = ("inputs", "width", "depth")


def build_subject(
    certificate: Certificate, module: nn.Module | None, factory: Factory | None, budget: int
) -> nn.Module:
    """The module the certificate is about: `module` if the caller has it, else built within the budget in bytes.

    Raises:
        CertificateError: it is another module, or none was given.
        MemoryBudgetError: the factory exceeds the budget with the certificate's settings.
    """
    record = certificate.model
    if module is not None:
        module = unwrap(module)
    else:
        module = (
            _from_registry(certificate) if record.kind == "registry" else _from_factory(certificate, factory, budget)
        )
    if factory is not None:
        factory = replace(factory, settings=dict(record.settings))
    found = describe(module, factory)
    for name in ("kind", "name", "settings", "sha256", "parameters"):
        _require_same(name, record, found)
    _require_same_values(record.fixed, found.fixed)
    return module


def _require_same(name: str, record: ModelRecord, found: ModelRecord) -> None:
    stated, got = getattr(record, name), getattr(found, name)
    if name == "name" and record.kind == "factory":
        # The same file may have another path: its content decides, and the name of the function.
        same = stated.rpartition(":")[2] == got.rpartition(":")[2]
    else:
        # As JSON, where True differs from 1; sorted, because the order of fields has no meaning.
        same = json.dumps(stated, sort_keys=True) == json.dumps(got, sort_keys=True)
    if not same:
        raise CertificateError(
            "model", f"{name} is {shown(stated)} in the certificate, but {shown(got)} in this module"
        )


def check_notes(record: ModelRecord, notes: Notes) -> None:
    """Check that the field noted what the certificate states."""
    found = with_notes(record, notes)
    for name in ("replaced", "functions", "constants", "divisions"):
        stated, got = getattr(record, name), getattr(found, name)
        if stated != got:
            hint = "; another machine may compute another last digit" if name == "constants" else ""
            raise CertificateError(
                "model", f"{name} is {shown(stated)} in the certificate, but {shown(got)} as the module runs{hint}"
            )


def _require_same_values(stated: dict[str, str], got: dict[str, str]) -> None:
    """Compare the values that are not drawn: the proof holds for these and no others."""
    for name in sorted({*stated, *got}):
        if stated.get(name) != got.get(name):
            raise CertificateError(
                "model",
                f"{quoted_name(name)}, a buffer or a parameter that keeps its value, has other values in this module "
                "than in the certified one; build it with the same (from a seed, or from a file)",
            )


def _from_registry(certificate: Certificate) -> nn.Module:
    record = certificate.model
    try:
        spec = find_model(record.name)
    except ValueError as error:
        raise CertificateError("model", str(error)) from None
    sizes, options = _stated_sizes(record, spec)
    # Each layer has a tensor of its own, so a depth beyond the number of tensors is false.
    count = spec.count_parameters(*sizes.values(), **options)
    if sizes["depth"] > len(record.parameters) or count != count_numbers(record):
        raise CertificateError(
            "model", f"{record.name} of settings {shown(record.settings)} does not have the parameters that are stated"
        )
    try:
        return spec.draw(certificate.question.seed, **sizes, **options)
    except (ValueError, TypeError) as error:
        raise CertificateError("model", str(error)) from None


def _stated_sizes(record: ModelRecord, spec: ModelSpec) -> tuple[dict[str, int], dict[str, Any]]:
    """The sizes, in the order of `count_parameters`, and the options that differ from their defaults."""
    options: dict[str, Any] = dict(record.settings)
    sizes, defaults = {name: options.pop(name, None) for name in _SIZES}, spec.option_defaults()
    if options.keys() - defaults.keys() or not all(map(_is_size, sizes.values())):
        wanted = ", ".join([*_SIZES, *defaults])
        raise CertificateError("model", f"settings must be {wanted}, whole numbers, got {shown(record.settings)}")
    for name, value in options.items():
        if type(value) is not type(defaults[name]) or value == defaults[name] or value < 1:
            raise CertificateError(
                "model", f"{name} must be left out or be other than {defaults[name]}, got {shown(record.settings)}"
            )
    return sizes, options


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _from_factory(certificate: Certificate, factory: Factory | None, budget: int) -> nn.Module:
    record = certificate.model
    if factory is None:
        remedy = "--model file.py:factory" if record.kind == "factory" else "verify(certificate, module)"
        raise CertificateError(
            "model", f"it is about {quoted_name(record.name)}, which is not in the registry; give it by {remedy}"
        )
    if record.kind != "factory":
        raise CertificateError("model", f"it is about a {record.kind}, {quoted_name(record.name)}, not about a factory")
    # Before the function is called: another file could do anything with the certificate's settings.
    _require_same("sha256", record, replace(record, sha256=factory.sha256))
    _require_same("name", record, replace(record, name=factory.name))
    try:
        with Meter(budget):
            return replace(factory, settings=dict(record.settings)).build(certificate.question.seed)
    except FactoryError as error:
        raise _cause(error) from None


def _cause(error: FactoryError) -> Exception:
    """The refusal of the meter if that ended the factory, else the failure of the factory."""
    inside = error.__cause__
    return inside if isinstance(inside, MemoryBudgetError) else CertificateError("model", str(error))
