"""Every public entrance that takes whole numbers, called with good ones and with bad ones.

Run as a program, without the type checks of the tests, as a user would call it; prints what came of each call as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch

import seprank as sr
from seprank import tensornet
from seprank.elimination import rank_profile
from seprank.field import PrimeField, read
from seprank.jobs.commands import CertifyWork, MeasureWork
from seprank.models import MODELS
from seprank.models.base.width import nearest_width
from seprank.models.cp_rnn import CPRNN
from seprank.models.s6 import S6
from seprank.tasks import TASKS
from seprank.train import TrainSettings
from seprank.web.settings import Settings


class Entrance(NamedTuple):
    """Something a user calls."""

    call: Callable[..., Any]
    """Returns what can be compared"""
    whole: dict[str, int]
    """Arguments that are whole numbers"""
    other: dict[str, Any] = {}  # noqa: RUF012


def certificate(**settings: Any) -> Any:
    found = sr.certify(sr.RAC(2, 2, 2), progress=False, **settings).to_dict()
    return {name: value for name, value in found.items() if name not in ("seconds", "digest", "sha256")}


def measurement(**settings: Any) -> Any:
    torch.manual_seed(0)
    return plain(sr.measure(torch.nn.GRU(2, 2, batch_first=True), progress=False, **settings))


def token_measurement(**settings: Any) -> Any:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(3, 2), torch.nn.GRU(2, 2, batch_first=True))
    return plain(sr.measure(model, progress=False, **settings))


def profile(**settings: Any) -> Any:
    torch.manual_seed(0)
    points = sr.profile(torch.nn.GRU(2, 2, batch_first=True), progress=False, **settings).points
    return [plain(point) for point in points]


def plain(found: Any) -> Any:
    return {name: value for name, value in found.to_dict().items() if name != "seconds"}


def listed(bounds: Any) -> Any:
    return [(bound.kind, bound.name, bound.value) for bound in bounds]


def comparison(**settings: Any) -> Any:
    found = sr.compare(["rac"], progress=False, **settings)
    return [{**asdict(cell), "seconds": 0} for cell in found.cells]


def shapes(module: torch.nn.Module) -> Any:
    return repr(module), [tuple(p.shape) for p in module.parameters()]


def batch(**settings: Any) -> Any:
    return [tensor.tolist() for tensor in sr.build_task("adding-problem", length=4).batch(stream="train", **settings)]


def halves(**settings: Any) -> Any:
    return [half.tolist() for half in sr.build_task("adding-problem", length=4).halves(**settings)]


def in_field(**settings: Any) -> Any:
    with PrimeField(**settings) as field:
        return field.prime, read(torch.tensor([50.0]) * 2).tolist()


def profile_of_matrix(**settings: Any) -> Any:
    found = rank_profile(np.arange(9).reshape(3, 3), **settings)
    return found.rank, found.rows.tolist(), found.determinant


SIZES = {"inputs": 3, "width": 2, "depth": 2}
CUT = {"length": 4, "cut": 2}
CONSTRUCTED = {"input_size": 3, "hidden_size": 2, "num_layers": 2}
DOMAIN = {"domain": "functional"}
EVERY: dict[str, Entrance] = {
    "certify": Entrance(certificate, CUT | {"inputs": 2, "samples": 8, "seed": 1, "prime": 97, "readout": 1}, DOMAIN),
    "certify, up to": Entrance(certificate, CUT | {"max_samples": 8}, DOMAIN),
    "measure": Entrance(measurement, CUT | {"inputs": 2, "starts": 16, "ends": 16, "seed": 1, "readout": 1}),
    "measure of tokens": Entrance(token_measurement, CUT | {"tokens": 3, "starts": 16, "ends": 16}),
    "profile": Entrance(profile, {"length": 3, "starts": 16, "ends": 16, "inputs": 2, "seed": 1, "readout": 1}),
    "bounds": Entrance(lambda **s: listed(sr.bounds(**s)), SIZES | CUT | {"below": 100}, DOMAIN),
    "upper_bound": Entrance(lambda **s: listed([sr.upper_bound(**s)]), SIZES | CUT, DOMAIN),
    "plan": Entrance(lambda **s: sr.plan(**s).to_dict(), CUT | {"rank": 9, "inputs": 3, "max_depth": 2}, DOMAIN),
    "degree_bounds": Entrance(
        lambda **s: listed(sr.degree_bounds(sr.RAC(2, 2, 2), **s)), CUT | {"inputs": 2, "readout": 1}, DOMAIN
    ),
    "compare": Entrance(comparison, SIZES | {"length": 4, "max_samples": 64, "seed": 1}, DOMAIN),
    "compare at equal parameters": Entrance(comparison, {"length": 4, "inputs": 2, "parameters": 30}, DOMAIN),
    "nearest_width": Entrance(lambda **s: nearest_width(lambda r: r * r, **s), {"parameters": 30}),
    "RAC": Entrance(lambda **s: shapes(sr.RAC(**s)), CONSTRUCTED),
    "CPRNN": Entrance(lambda **s: shapes(CPRNN(**s)), CONSTRUCTED | {"rank": 3}),
    "S6": Entrance(lambda **s: shapes(S6(**s)), CONSTRUCTED | {"state_size": 3}),
    "batch": Entrance(batch, {"size": 2, "seed": 1, "index": 3}),
    "halves": Entrance(halves, {"count": 2, "seed": 1, "cut": 1}),
    "minimal_cut": Entrance(lambda **s: str(tensornet.minimal_cut(sr.RAC(2, 2, 2), **s)), CUT, DOMAIN),
    "rank_profile": Entrance(profile_of_matrix, {"prime": 97, "threads": 1}),
    "PrimeField": Entrance(in_field, {"prime": 97}),
    "TrainSettings": Entrance(
        lambda **s: TrainSettings(**s).to_dict(),
        {"width": 4, "depth": 2, "steps": 5, "batch": 3, "evaluate_every": 2, "validation": 4, "test": 5}
        | {"memory_every": 2, "memory_samples": 16, "memory_cut": 2, "seed": 1},
        {"task": "copying-memory", "model": "gru"},
    ),
    "sweep of certify": Entrance(
        lambda **s: CertifyWork.from_settings(s).job.settings,
        SIZES | CUT | {"samples": 8, "seed": 1, "prime": 97, "readout": 1},
        DOMAIN,
    ),
    "sweep of measure": Entrance(
        lambda **s: MeasureWork.from_settings(s).job.settings,
        SIZES | CUT | {"starts": 16, "ends": 16, "seed": 1, "readout": 1},
    ),
    "page": Entrance(lambda **s: Settings(**s).command(), SIZES | CUT | {"max_samples": 8, "seed": 1}, DOMAIN),
}
EVERY |= {
    f"model {name}": Entrance(lambda spec=spec, **s: shapes(spec.build(**s)), SIZES) for name, spec in MODELS.items()
}
EVERY |= {
    f"task {name}": Entrance(
        lambda name=name, **s: sr.build_task(name, **s).settings(),
        {key: value for key, value in spec.parameters().items() if type(value) is int},
    )
    for name, spec in TASKS.items()
}


def said(call: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """What is said about arguments that cannot be: one line, with the kind of error before it."""
    try:
        found = call(**arguments)
    except (TypeError, ValueError) as error:
        line = next((line for line in str(error).splitlines() if "must be" in line), str(error))
        return f"{type(error).__name__}: {line.strip()}"
    return f"no error: {found!r}"[:200]


def kinds(value: int) -> Iterator[tuple[str, Any]]:
    """The same number of other types."""
    yield from (("int64", np.int64(value)), ("uint32", np.uint32(value)), ("tensor", torch.tensor(value)))


def wrong(value: int) -> Iterator[tuple[str, Any]]:
    """What is no whole number."""
    yield from (("float", float(value)), ("half", value + 0.5), ("float64", np.float64(value)))
    yield from (("bool", True), ("bool_", np.True_), ("text", "many"), ("list", [value, "many"]))


def outcome(entrance: Entrance) -> dict[str, Any]:
    """What comes of one entrance: differences by kind of number, and what is said of wrong ones, by argument."""
    call, whole, other = entrance
    expected = call(**whole, **other)
    differing, messages = {}, {}
    for name, value in whole.items():
        for kind, number in kinds(value):
            found = call(**(whole | other | {name: number}))
            if repr(found) != repr(expected):
                differing[f"{name} {kind}"] = f"{found!r} for {expected!r}"
        messages[name] = {kind: said(call, whole | other | {name: bad}) for kind, bad in wrong(value)}
    if "cut" in whole and "length" in whole:
        for cut in (0, whole["length"]):
            messages[f"cut {cut}"] = said(call, whole | other | {"cut": cut})
        messages["length 1"] = said(call, whole | other | {"length": 1, "cut": None})
    if "domain" in other:
        messages["domain"] = said(call, whole | {"domain": "token"})
    return {"differing": differing, "messages": messages}


if __name__ == "__main__":
    json.dump({name: outcome(entrance) for name, entrance in EVERY.items()}, sys.stdout)
