"""How much can the end of a sequence depend on its start, in a given model?

The public names are imported when they are first used, so that `import seprank` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import callbacks, elimination, tensornet, theory
    from .certification import Certificate, CertificateError, certify
    from .certification.verify import verify
    from .comparison import Comparison
    from .comparison.compare import compare
    from .degrees import degree_bounds
    from .field import NotPolynomial, PrimeField
    from .measurement import Measurement, Profile, measure, profile
    from .memory_curve import MemoryCurve, MemoryCurves, remember
    from .models import MODELS
    from .models.rac import RAC
    from .neighbours import (
        EffectiveStateSize,
        GradientCurve,
        HankelSpectrum,
        MemoryCapacity,
        Overview,
        effective_state_size,
        gradient_curve,
        hankel_singular_values,
        memory_capacity,
        overview,
    )
    from .planning import Plan, plan
    from .tasks import TASKS, build_task
    from .theory import Bound, Bounds, bounds, upper_bound

_NAMES = {
    "certification": ("certify", "verify", "Certificate", "CertificateError"),
    "comparison": ("compare", "Comparison"),
    "degrees": ("degree_bounds",),
    "field": ("PrimeField", "NotPolynomial"),
    "measurement": ("measure", "profile", "Measurement", "Profile"),
    "memory_curve": ("remember", "MemoryCurve", "MemoryCurves"),
    "models": ("MODELS",),
    "models.rac": ("RAC",),
    "neighbours": (
        *("effective_state_size", "memory_capacity", "gradient_curve", "hankel_singular_values", "overview"),
        *("EffectiveStateSize", "MemoryCapacity", "GradientCurve", "HankelSpectrum", "Overview"),
    ),
    "planning": ("plan", "Plan"),
    "tasks": ("TASKS", "build_task"),
    "theory": ("Bound", "Bounds", "bounds", "upper_bound"),
}
"""What is taken from which module"""
_HOMES = {name: home for home, names in _NAMES.items() for name in names}

__version__ = "0.1.0"

__all__ = [
    "MODELS",
    "RAC",
    "TASKS",
    "Bound",
    "Bounds",
    "Certificate",
    "CertificateError",
    "Comparison",
    "EffectiveStateSize",
    "GradientCurve",
    "HankelSpectrum",
    "Measurement",
    "MemoryCapacity",
    "MemoryCurve",
    "MemoryCurves",
    "NotPolynomial",
    "Overview",
    "Plan",
    "PrimeField",
    "Profile",
    "bounds",
    "build_task",
    "callbacks",
    "certify",
    "compare",
    "degree_bounds",
    "effective_state_size",
    "elimination",
    "gradient_curve",
    "hankel_singular_values",
    "measure",
    "memory_capacity",
    "overview",
    "plan",
    "profile",
    "remember",
    "tensornet",
    "theory",
    "upper_bound",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'seprank' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
