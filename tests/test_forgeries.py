"""verify against whoever edits a certificate and gives it a fresh digest, and against files that are none."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from seprank import Certificate, CertificateError, certify, verify
from seprank.certification.certificate import digest
from seprank.certification.saturation import Sampled, stated_error
from seprank.certification.verify import recheck
from seprank.settings.verify_settings import VerifySettings
from seprank.sources import Factory, load_factory
from seprank.system.memory import MemoryBudgetError

FOLDER = Path(__file__).parent / "data" / "certificates"
Path_ = tuple[Any, ...]


@dataclass(frozen=True)
class Honest:
    """A certificate, and where its module is from."""

    file: str
    """In the folder, or what it is called if it is made when asked for"""
    source: str | None = None
    confidence: float | None = None
    asked: tuple[tuple[str, Any], ...] = ()
    """With what it is made"""

    @property
    def body(self) -> dict[str, Any]:
        if not self.asked:
            return dict(json.loads((FOLDER / self.file).read_text()))
        factory = self.factory
        assert factory is not None
        settings = {**dict(self.asked), "factory": factory, "confidence": self.confidence}
        found = certify(factory.build(), **settings, progress=False)
        return dict(json.loads(json.dumps(found.to_dict())))

    @property
    def factory(self) -> Factory | None:
        return None if self.source is None else load_factory(str(FOLDER / self.source))

    def verify(self, body: dict[str, Any], **limits: Any) -> bool:
        return verify(Certificate.from_dict(signed(body)), factory=self.factory, progress=False, **limits)

    def refusal(self, body: dict[str, Any]) -> str:
        """The step at which it is refused."""
        with pytest.raises(CertificateError) as caught:
            self.verify(body)
        return caught.value.step


REGISTRY = Honest("registry.json")
FACTORY = Honest("factory.json", "product_model.py:build")
WORDS = Honest("few-words.json")
HONEST = [
    REGISTRY,
    FACTORY,
    WORDS,
    Honest("tokens.json"),
    Honest("channels.json"),
    Honest("one-channel.json"),
    Honest("zero.json", "zero_model.py:build"),
]
SPECIAL = [
    Honest("squashed", "special_models.py:squashed", asked=(("length", 4), ("squash", "identity"), ("samples", 6))),
    Honest("rational", "special_models.py:rational", asked=(("length", 4), ("prime", 97), ("samples", 24))),
    Honest(
        "called",
        "special_models.py:named",
        asked=(("length", 4), ("output", "result"), ("call", {"form": "plain"}), ("samples", 6)),
    ),
    Honest("split", "special_models.py:attention", asked=(("length", 4), ("split", (0, 2)), ("samples", 6))),
]
SURE = replace(SPECIAL[-1], confidence=1e-20)
COMMITTED = [REGISTRY, FACTORY, WORDS]


def signed(body: dict[str, Any]) -> dict[str, Any]:
    """With a fresh digest."""
    return body | {"digest": digest(body)}


def places(content: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of all values in nested dictionaries and lists, whole ones included; of a list, the first and the last."""
    yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list) and content:
        for index in sorted({0, len(content) - 1}):
            yield from places(content[index], (*path, index))


def at(content: Any, path: Path_) -> Any:
    for key in path:
        content = content[key]
    return content


def put(content: Any, path: Path_, value: Any) -> Any:
    content = copy.deepcopy(content)
    at(content, path[:-1])[path[-1]] = value
    return content


def other_values(old: Any) -> Iterator[Any]:
    """What may stand in the place of a value: of its type and of every other."""
    yield from (None, True, False, 0, -1, 1, 2, 1.5, 10**12, 2**63, 10**999, 1e300, math.nan, math.inf, -math.inf)
    yield from ("", "x", "rac", "a\nb", "\u202e", "x" * 2000, [], [0], [[0]], {}, {"x": 1}, str(old))
    if isinstance(old, bool):
        yield not old
    elif isinstance(old, int | float):
        yield from (old + 1, old - 1, -old, float(old))
    elif isinstance(old, str):
        yield from (old + "x", "x" + old, old[:-1], old.upper(), old + "\n", old + " ")
    elif isinstance(old, list):
        yield from (old[:-1], old[1:], old + old[-1:], old[::-1], [*old, 0], [*old, 10**6], old[:1] + old)
    elif isinstance(old, dict):
        yield from ({key: value for key, value in old.items() if key != gone} for gone in old)
        yield {**old, "extra": 1}


def same(a: Any, b: Any) -> bool:
    """Whether they are the same in JSON; 0, 0.0 and -0.0 are one number."""
    if isinstance(a, float) and isinstance(b, int | float) and not isinstance(b, bool) and a == b == 0:
        return True
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def edits(body: dict[str, Any]) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Every field of a certificate set to every other value; a field or an entry gone, or one more."""
    for path in places(body):
        if path in ((), ("digest",)):
            continue
        for value in other_values(at(body, path)):
            if not same(at(body, path), value):
                yield path, put(body, path, value)
    for name in body.keys() - {"digest"}:
        yield (name,), {key: value for key, value in body.items() if key != name}
    yield ("extra",), {**body, "extra": 1}


def is_about_the_run(honest: Honest, path: Path_) -> bool:
    """Whether docs/certificate.md lists it as not checked: any value of the right form may stand there."""
    folder_of_factory = path == ("model", "name") and honest.source is not None
    left_out = path[0] in ("left_out_starts", "left_out_ends")  # those listed are checked, not that there are no others
    return path == ("seconds",) or path[0] == "versions" or folder_of_factory or left_out


@pytest.mark.parametrize("honest", HONEST, ids=str)
def test_committed_certificates_still_verify(honest: Honest) -> None:
    assert verify(FOLDER / honest.file, factory=honest.factory, progress=False)
    assert same(Certificate.load(FOLDER / honest.file).to_dict(), honest.body)


def test_an_old_certificate_that_rests_on_a_withdrawn_bound_says_how_to_make_it_anew() -> None:
    body = REGISTRY.body
    body["bounds"][-1]["name"] = "no longer known"
    with pytest.raises(CertificateError, match="withdrawn or renamed, and `seprank certify` makes a new one"):
        REGISTRY.verify(body)


@pytest.mark.slow
@pytest.mark.parametrize("honest", [*COMMITTED, *SPECIAL], ids=str)
def test_every_edit_of_every_field_is_refused_or_about_the_run(honest: Honest) -> None:
    count, true = 0, honest.body
    for path, body in edits(true):
        count += 1
        try:
            honest.verify(body)
        except (CertificateError, MemoryBudgetError):
            continue
        assert is_about_the_run(honest, path), (path, body)
    assert count > 1000


@pytest.mark.slow
def test_every_edit_of_a_confidence_and_its_draws_is_refused_or_about_the_run() -> None:
    """What another draw showed is not checked, but that the error follows from as many, and is below the confidence."""
    count, true = 0, SURE.body
    assert len(true["draws"]) > 2
    for path, body in edits(true):
        if path[0] not in ("confidence", "draws"):
            continue
        count += 1
        try:
            SURE.verify(body)
        except (CertificateError, MemoryBudgetError):
            continue
        if path == ("confidence",):
            assert body["error"] <= body["confidence"] < 1
        elif path == ("draws",):
            assert sorted(body["draws"], key=str) == sorted(true["draws"], key=str)
        else:
            assert path[2] in ("seed", "samples", "rank")
            assert body["draws"][path[1]]["rank"] <= true["rank"] < body["draws"][path[1]]["samples"]
    assert count > 100


def near_values(old: Any) -> list[Any]:
    """Values of its type that a forger would choose."""
    if isinstance(old, bool):
        return [old, not old]
    if old is None or isinstance(old, float):
        return [old, None, 0.0, 1e-9, 1.0]
    return [old, old - 1, old + 1, 2 * old, 10**6]


CLAIMS = ("rank", "starts", "ends", "exact", "upper_bound", "saturated", "error")


@pytest.mark.slow
@pytest.mark.parametrize("honest", COMMITTED, ids=str)
def test_every_two_claims_edited_together_are_refused_or_honest(honest: Honest) -> None:
    true = honest.body
    for first, second in itertools.combinations(CLAIMS, 2):
        for a, b in itertools.product(near_values(true[first]), near_values(true[second])):
            check_claims(honest, true, {**true, first: a, second: b})


@pytest.mark.slow
@pytest.mark.parametrize("honest", COMMITTED, ids=str)
def test_all_claims_edited_together_so_that_they_agree_are_refused_or_honest(honest: Honest) -> None:
    true = honest.body
    met = [{**bound, "value": true["rank"]} if bound["kind"] == "upper" else bound for bound in true["bounds"]]
    choices = itertools.product(
        (true, larger_minor(true, determinant=0), larger_minor(true, determinant=1)),
        ((true["bounds"], true["upper_bound"]), ([], None), (met, true["rank"]), (true["bounds"][:1], None)),
        (True, False),
        ((True, true["error"]), (True, 0.0), (True, 1e-30), (True, None), (False, None)),
        (true["starts"], true["rank"], 10**4),
    )
    for minor, (bounds, upper), exact, (saturated, error), samples in choices:
        claims = {"bounds": bounds, "upper_bound": upper, "exact": exact, "saturated": saturated, "error": error}
        check_claims(honest, true, {**minor, **claims, "starts": samples, "ends": samples})


def check_claims(honest: Honest, true: dict[str, Any], forged: dict[str, Any]) -> None:
    """What verify accepts is what the run found, or less: as few samples as the rank do not saturate it."""
    try:
        honest.verify(forged)
    except (CertificateError, MemoryBudgetError):
        return
    for name in ("rank", "exact", "upper_bound", "bounds"):
        assert forged[name] == true[name], (name, forged)
    limited = min(forged["starts"], forged["ends"]) == forged["rank"] and not forged["exact"]
    assert forged["saturated"] == (true["saturated"] and not limited), forged
    if (forged["starts"], forged["ends"]) == (true["starts"], true["ends"]):
        assert forged["error"] == true["error"]
    else:
        assert forged["starts"] == forged["ends"] >= max(forged["rank"], 1)


def larger_minor(body: dict[str, Any], determinant: int) -> dict[str, Any]:
    """A rank one higher, and a minor of as many rows and columns; all that is said agrees."""
    rank = body["rank"] + 1
    minor = {"rows": list(range(rank)), "columns": list(range(rank)), "determinant": determinant}
    return {**body, "rank": rank, "minor": minor, "exact": rank == body["upper_bound"]}


def test_a_rank_that_is_too_high_by_one_is_refused_by_its_determinant_alone() -> None:
    honest = SPECIAL[-1]
    body, factory = honest.body, honest.factory
    assert factory is not None
    rank, starts, ends = body["rank"] + 1, body["starts"], body["ends"]
    assert rank < min(body["upper_bound"], starts)
    found = Sampled(rank, starts, ends, channels=1, upper=body["upper_bound"])
    # what a forger would compute, so that nothing else is wrong
    body["error"] = stated_error(factory.build(), Certificate.from_dict(signed(honest.body)).question, found)
    assert honest.refusal(larger_minor(body, determinant=0)) == "minor"
    assert honest.refusal(larger_minor(body, determinant=1)) == "minor"
    assert honest.refusal(larger_minor(body, determinant=body["question"]["prime"])) == "flags"


def test_a_rank_above_a_bound_is_refused_whatever_bounds_are_left_out() -> None:
    body = larger_minor(REGISTRY.body, determinant=1)
    assert REGISTRY.refusal(body) == "bounds"
    assert REGISTRY.refusal({**body, "bounds": [], "upper_bound": None, "exact": False}) == "bounds"


@pytest.mark.parametrize(("name", "past"), [("rows", "starts"), ("columns", "ends")])
def test_a_row_and_a_column_one_past_the_samples_are_refused_before_they_are_looked_for(name: str, past: str) -> None:
    for honest in COMMITTED:
        body = honest.body
        body["minor"][name][-1] = body[past]
        assert honest.refusal(body) == "flags"


@pytest.mark.slow
def test_a_smaller_minor_proves_a_smaller_rank_and_no_more() -> None:
    body, factory = FACTORY.body, FACTORY.factory
    assert factory is not None
    built = replace(factory, settings=body["model"]["settings"]).build()
    found = Sampled(0, body["starts"], body["ends"], channels=1, upper=body["upper_bound"])
    error = stated_error(built, Certificate.from_dict(body).question, found)
    minor = {"rows": [], "columns": [], "determinant": 1}
    forged = {**body, "rank": 0, "minor": minor, "exact": False, "error": error}
    assert FACTORY.verify(forged)
    smaller = Certificate.from_dict(signed(forged))
    rechecked = recheck(smaller, None, VerifySettings(), factory=factory, progress=False)
    assert rechecked.unchecked == ["saturated"]
    assert FACTORY.refusal({**forged, "saturated": False}) == "flags"
    assert FACTORY.refusal({**forged, "exact": True, "upper_bound": 0}) == "bounds"
    forged["minor"]["determinant"] = 2
    assert FACTORY.refusal(forged) == "minor"
