"""Draws are repeated until the error is as small as was asked for; what is then said, and that verify checks it."""

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from typer.testing import CliRunner

from seprank import RAC, Bounds, Certificate, CertificateError, certify, verify
from seprank.certification import search
from seprank.certification.certificate import digest
from seprank.certification.confidence import ConfidenceNotReached
from seprank.certification.luck import MOST_DRAWS, draws_needed, joint_error
from seprank.certification.pieces import Draw
from seprank.certification.verify import recheck
from seprank.cli import app
from seprank.models import MODELS
from seprank.question import check_confidence
from seprank.report.rank_tables import SURE, rank_table
from seprank.settings.verify_settings import VerifySettings

AGAIN = VerifySettings(again=True)


def gap() -> nn.Module:
    """Rank 26 at length 6, below the bound of 30."""
    return MODELS["mi_rnn"].build(inputs=2, width=2, depth=2)


@cache
def honest() -> str:
    """The content of a certificate that holds."""
    found = confident()
    assert verify(found, progress=False)
    return json.dumps(found.to_dict())


def confident(confidence: float = 1e-12, **settings: Any) -> Certificate:
    return certify(gap(), length=6, confidence=confidence, progress=False, **settings)


@pytest.mark.parametrize("confidence", [0.5, 1e-3, 1e-12])
def test_draws_are_repeated_until_the_error_is_small_enough(confidence: float) -> None:
    found = confident(confidence)
    one = certify(gap(), length=6, progress=False)
    assert one.error is not None
    assert found.error is not None
    assert found.error <= confidence
    assert len(found.draws) + 1 == draws_needed(one.error, confidence)
    assert [(draw.seed, draw.rank) for draw in found.draws] == [(n, 26) for n in range(1, len(found.draws) + 1)]
    fewer = joint_error([one.error] * len(found.draws)) if found.draws else 1.0
    assert fewer > confidence
    assert "equal to the generic rank modulo 8388593, error at most 2^-" in found.known.sentence
    assert found.known.sentence in str(found)
    assert rank_table("t", [found.summary()], "c").rows[0][SURE] == found.known.sentence
    assert "saturated" not in found.known.sentence


def test_an_exact_rank_needs_one_draw() -> None:
    found = certify(RAC(2, 2, 2), length=6, confidence=1e-12, progress=False)
    assert (found.exact, found.error, found.draws) == (True, 0.0, [])


def test_all_words_leave_the_error_of_the_weights_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "known_bounds", lambda module, question: Bounds())
    found = certify(RAC(2, 2, 2), length=8, domain="tokens", confidence=1e-12, progress=False)
    assert (found.starts, found.rank) == (16, 10)
    assert {draw.samples for draw in found.draws} == {16}
    with pytest.raises(ConfidenceNotReached, match="all words of both sides"):
        certify(RAC(3, 2, 2), length=12, domain="tokens", confidence=1e-12, progress=False)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"prime": 101}, "has no bound below 1; use a larger --prime"),
        ({"samples": 20}, "its samples limit the rank; use more --samples"),
    ],
)
def test_what_cannot_be_reached_is_refused_after_one_draw(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfidenceNotReached, match=text):
        confident(**settings)


@pytest.mark.parametrize("wrong", [0.0, 1.0, -1e-12, 1e-300, math.nan, 2.0])
def test_a_confidence_is_a_probability(wrong: float) -> None:
    with pytest.raises(ValueError, match="confidence is the probability of an error that is accepted"):
        confident(wrong)


@pytest.mark.parametrize("wrong", [True, "1e-12", [1e-12]])
def test_a_confidence_is_a_number(wrong: Any) -> None:
    with pytest.raises(TypeError, match="confidence must be a number such as 1e-12, got"):
        check_confidence(wrong)


def test_a_later_draw_of_a_higher_rank_takes_the_place_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first draw is unlucky: it finds one less. It counts as one more draw that shows no more than the rank."""
    honest, seen = search._Draws.certificate, []

    def unlucky(*arguments: Any, **settings: Any) -> Certificate:
        found = honest(*arguments, **settings)
        seen.append(found.rank)
        if len(seen) > 1:
            return found
        return replace(found, rank=25, error=1e-6)

    monkeypatch.setattr(search._Draws, "certificate", unlucky)
    found = confident()
    assert (found.rank, found.question.seed) == (26, 1)
    assert found.draws[0].seed == 0
    assert found.draws[0].rank == 25
    assert verify(found, progress=False)


def test_joint_errors() -> None:
    assert joint_error([1e-3]) == pytest.approx(2e-3, rel=1e-5)
    assert joint_error([1e-3, 1e-4, 1e-5]) == pytest.approx(12e-12, rel=1e-5)
    assert joint_error([0.9]) == 1
    assert draws_needed(1.0, 1e-12) == draws_needed(0.97, 1e-200) == 0
    assert draws_needed(0.5, 1e-12) < MOST_DRAWS


def test_the_factor_of_looking_after_each_draw_is_enough() -> None:
    """Draws that fail with probability q each go on until n (n + 1) q^n <= c."""
    for error, confidence in ((0.1, 0.05), (0.5, 0.1), (0.018, 1e-12)):
        spent, count = 0.0, 1
        while joint_error([error] * count) > confidence:
            count += 1
        spent = error**count
        assert spent <= confidence / (count * (count + 1)) * 1.0001


EDITS = {
    "one draw less": lambda body: {**body, "draws": body["draws"][1:]},
    "a draw twice": lambda body: {**body, "draws": [*body["draws"], body["draws"][0]]},
    "one more than were needed": lambda body: {**body, "draws": [*body["draws"], {**body["draws"][0], "seed": 99}]},
    "an error of less": lambda body: {**body, "error": body["error"] / 2},
    "the error of one": lambda body: {**body, "error": 1e-5},
    "a confidence of less": lambda body: {**body, "confidence": 1e-14},
    "no draws": lambda body: {**body, "draws": []},
    "a draw with the seed of the minor": lambda body: with_draw(body, seed=0),
    "a draw of a higher rank": lambda body: with_draw(body, rank=27),
    "a draw of as few samples as the rank": lambda body: with_draw(body, samples=26),
    "a draw of one sample to spare": lambda body: with_draw(body, samples=27),
    "a draw of no samples": lambda body: with_draw(body, samples=0),
    "a draw of too many": lambda body: with_draw(body, samples=2**63),
    "a fraction of a sample": lambda body: with_draw(body, samples=42.0),
    "a truth value": lambda body: with_draw(body, rank=True),
    "a draw that says more": lambda body: with_draw(body, extra=1),
    "no confidence": lambda body: {**body, "confidence": None},
    "a confidence of 0": lambda body: {**body, "confidence": 0.0},
    "a confidence of text": lambda body: {**body, "confidence": "1e-12"},
    "draws without a confidence": lambda body: {key: body[key] for key in body if key != "confidence"},
    "a confidence without draws": lambda body: {key: body[key] for key in body if key != "draws"},
    "too many draws": lambda body: {**body, "draws": [{**body["draws"][0], "seed": n + 9} for n in range(1000)]},
}


def with_draw(body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**body, "draws": [{**body["draws"][0], **fields}, *body["draws"][1:]]}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_confidence_is_refused(name: str) -> None:
    body = json.loads(honest())
    forged = EDITS[name](body)
    with pytest.raises(CertificateError) as caught:
        verify(Certificate.from_dict(forged | {"digest": digest(forged)}), progress=False)
    assert caught.value.step in ("fields", "flags")


def test_a_certificate_with_a_confidence_is_saved_and_loaded(tmp_path: Path) -> None:
    found = confident()
    assert Certificate.load(found.save(tmp_path / "a.json")) == found
    plain = certify(gap(), length=6, progress=False)
    assert {"confidence", "draws"} & plain.to_dict().keys() == set()
    assert Certificate.load(plain.save(tmp_path / "b.json")) == plain


def test_verify_says_what_it_rests_on_and_draws_again() -> None:
    found = confident()
    said = str(recheck(found, None, VerifySettings(), progress=False))
    assert (
        f"equal to the generic rank modulo 8388593, error at most 2^-42 (1.4e-13), {len(found.draws) + 1} draws" in said
    )
    again = recheck(found, None, AGAIN, progress=False).again
    assert again is not None
    assert again.startswith(f"drawn once more, with seed {len(found.draws) + 1}: rank 26 again; error at most 2^-")
    plain = recheck(certify(gap(), length=6, progress=False), None, AGAIN, progress=False).again
    assert plain is not None
    assert "for all 2 draws" in plain


def test_drawing_again_refutes_a_rank_that_is_too_low() -> None:
    """A certificate of an unlucky draw: one row and column of the minor are left out, and all numbers agree."""
    low = certify(gap(), length=6, samples=25, progress=False)
    assert (low.rank, low.saturated) == (25, False)
    assert "which is more" not in str(recheck(low, None, AGAIN, progress=False).again)
    grown = replace(low, starts=64, ends=64)
    error = search.stated_error(gap(), low.question, search.Sampled(rank=25, starts=64, ends=64, channels=1, upper=30))
    false = replace(grown, saturated=True, error=error)
    assert verify(false, progress=False)
    with pytest.raises(CertificateError, match="drawn once more, with seed 1: rank 26, and not 25"):
        verify(false, progress=False, again=True)


def test_a_draw_is_what_a_certificate_lists() -> None:
    assert confident().draws[0] == Draw(seed=1, samples=42, rank=26)


def test_the_command_line_has_both(tmp_path: Path) -> None:
    file, runner = tmp_path / "a.json", CliRunner()
    sizes = ["mi_rnn", "--inputs", "2", "--width", "2", "--depth", "2", "--length", "6"]
    made = runner.invoke(app, ["certify", *sizes, "--confidence", "1e-12", "--out", str(file)])
    assert made.exit_code == 0
    assert "equal to the generic rank modulo 8388593" in made.stdout
    checked = runner.invoke(app, ["verify", str(file), "--again", "--json"])
    assert checked.exit_code == 0
    assert "rank 26 again" in json.loads(checked.stdout)["again"]
    refused = runner.invoke(app, ["certify", *sizes, "--confidence", "1e-12", "--prime", "101"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "out of reach" in refused.stderr
