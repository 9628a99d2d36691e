"""Certify a recurrent arithmetic circuit, keep the certificate, and recheck it."""

import tempfile
from pathlib import Path

import seprank as sr

rac = sr.RAC(input_size=3, hidden_size=3, num_layers=3)
certificate = sr.certify(rac, length=6)
print(certificate)

with tempfile.TemporaryDirectory() as folder:
    path = certificate.save(Path(folder) / "rac.json")
    print("valid:", sr.verify(path))
