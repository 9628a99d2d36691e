"""Certified ranks: `certify`, its certificate, and `verify`, which rechecks it."""

from .certificate import Certificate
from .form import CertificateError
from .search import certify
from .verify import verify

__all__ = ["Certificate", "CertificateError", "certify", "verify"]
