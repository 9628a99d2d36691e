"""Certified ranks: `certify`, its certificate, and `verify`, which rechecks it.

`certify` goes through each of these files once: `asked` (the question, and the module as it is asked), `rows` (who
evaluates the matrix), `prepared` (the module in the field), `known` (bounds), `undefined` (what divides by zero),
`saturation` (the error of the rank), `certificate`, `description` (the record of the module) and `confidence` (more
draws). A test compares both lists with the code.

`verify` makes each check as soon as what it needs is there, the cheap ones first, and so comes back to some files:
`certificate` (reading), `claims` (numbers), `cost` (of building), `subject` (building), `asked` (the question), `cost`
(of all else), `asked` (the module as it is asked), `known` (bounds), `rows` (sending the module to workers), `prepared`
(the module in the field), `subject` (notes of its run), `claims` (columns, error), `rows` (workers), `minor`,
`confidence` (samples of another draw), `search` (that draw), `saturation` (the error of both).
"""

from .certificate import Certificate
from .form import CertificateError
from .search import certify
from .verify import verify

__all__ = ["Certificate", "CertificateError", "certify", "verify"]
