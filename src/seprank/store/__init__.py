"""A file of jobs and records: what was done is found again by what was asked."""

from .record import Job, Record, RecordError, Status
from .store import APPLICATION, SCHEMA, Store, StoreError, export, record_from_dict, table

__all__ = [
    "APPLICATION",
    "SCHEMA",
    "Job",
    "Record",
    "RecordError",
    "Status",
    "Store",
    "StoreError",
    "export",
    "record_from_dict",
    "table",
]
