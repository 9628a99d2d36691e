"""A file of jobs and records: what was done is found again by what was asked."""

from .listing import table
from .record import Job, JsonObject, Record, RecordError, Status
from .store import APPLICATION, SCHEMA, Store, StoreError, export

__all__ = [
    "APPLICATION",
    "SCHEMA",
    "Job",
    "JsonObject",
    "Record",
    "RecordError",
    "Status",
    "Store",
    "StoreError",
    "export",
    "table",
]
