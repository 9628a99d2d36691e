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

_HOMES = {
    "RAC": ".models.rac",
    "MODELS": ".models",
    "TASKS": ".tasks",
    "build_task": ".tasks",
    "PrimeField": ".field",
    "NotPolynomial": ".field",
    "certify": ".certification",
    "verify": ".certification",
    "Certificate": ".certification",
    "CertificateError": ".certification",
    "compare": ".comparison",
    "Comparison": ".comparison",
    "degree_bounds": ".degrees",
    "plan": ".planning",
    "Plan": ".planning",
    "measure": ".measurement",
    "profile": ".measurement",
    "Measurement": ".measurement",
    "Profile": ".measurement",
    "remember": ".memory_curve",
    "MemoryCurve": ".memory_curve",
    "MemoryCurves": ".memory_curve",
    "effective_state_size": ".neighbours",
    "EffectiveStateSize": ".neighbours",
    "memory_capacity": ".neighbours",
    "MemoryCapacity": ".neighbours",
    "gradient_curve": ".neighbours",
    "GradientCurve": ".neighbours",
    "hankel_singular_values": ".neighbours",
    "HankelSpectrum": ".neighbours",
    "overview": ".neighbours",
    "Overview": ".neighbours",
    "Bound": ".theory",
    "Bounds": ".theory",
    "bounds": ".theory",
    "upper_bound": ".theory",
}
_MODULES = {
    "callbacks": ".callbacks",
    "elimination": ".elimination",
    "tensornet": ".tensornet",
    "theory": ".theory",
}

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
    if name in _MODULES:
        return import_module(_MODULES[name], __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'seprank' has no attribute {name!r}; its public names are {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
