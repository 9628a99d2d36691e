"""What verify does with files that nobody honest has written: refused at once, whatever sizes they state."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seprank import RAC, Certificate, CertificateError, certify, verify
from seprank.certification import cost, form
from seprank.certification.certificate import digest
from seprank.certification.saturation import Sampled, stated_error
from seprank.certification.verify import recheck
from seprank.settings.verify_settings import MOST_SECONDS, VerifySettings
from seprank.sources import Factory, load_factory
from seprank.system.memory import MemoryBudgetError
from seprank.system.names import MOST_SHOWN, quoted_name, shown

FOLDER = Path(__file__).parent / "data" / "certificates"
DOCS = Path(__file__).parents[1] / "docs" / "certificate.md"


@pytest.fixture(scope="module")
def honest() -> dict[str, Any]:
    found = certify(RAC(2, 2, 2), length=6, progress=False)
    body: dict[str, Any] = json.loads(json.dumps(found.to_dict()))
    return body


def with_value(body: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """One value changed, with a fresh digest."""
    body = json.loads(json.dumps(body))
    *folder, last = place.split(".")
    at = body
    for name in folder:
        at = at[name]
    at[last] = value
    return body | {"digest": digest(body)}


def refusal(content: str | bytes, folder: Path) -> CertificateError:
    file = folder / "c.json"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    began = time.perf_counter()
    with pytest.raises(CertificateError) as caught:
        Certificate.load(file)
    assert time.perf_counter() - began < 10
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    return caught.value


# --- JSON that is none, or too much of it


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 200_000 + "]" * 200_000, "nests"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nests"),
        ('{"schema": ' + "[" * 20 + "]" * 20 + "}", "nests"),
        ('{"schema": 2, "rank": 1, "rank": 2}', "rank twice"),
        ('{"schema": 2, "model": {"a": 1, "a": 1}}', "a twice"),
        ('{"schema": 2, "seconds": NaN}', "NaN, which is not a number"),
        ('{"schema": 2, "seconds": -Infinity}', "-Infinity, which is not a number"),
        ('{"schema": 2, "seconds": 1e400}', "too large"),
        ('{"schema": 2, "seconds": 1.' + "0" * 5000 + "}", "too long"),
        ('{"schema": 2, "rank": ' + "9" * 1001 + "}", "more than 1,000 digits"),
        ('{"schema": 2, "rank": ' + "9" * 100_000 + "}", "more than 1,000 digits"),
        ("[" + "0," * form.MOST_VALUES + "0]", "values"),
        (" " * form.MOST_BYTES + "{}", "larger than"),
        ("\ufeff{}", "BOM"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"schema": 2, "model": "\xff"}', "UTF-8"),
        (b"\x00" * 1000, "not JSON"),
        ('{"schema": true}', "integer field"),
        ('{"schema": 2.0}', "integer field"),
        ('{"schema": 0}', "schema 0"),
        ("7", "integer field"),
        ('"schema"', "integer field"),
        ("{'schema': 2}", "not JSON"),
    ],
    ids=range(23),
)
def test_what_is_no_json_of_a_certificate_is_refused_when_it_is_read(
    content: str | bytes, words: str, tmp_path: Path
) -> None:
    error = refusal(content, tmp_path)
    assert error.step == "read"
    assert words in str(error)


def test_a_file_without_an_end_is_read_to_the_limit_and_no_further() -> None:
    with pytest.raises(CertificateError, match="larger than"):
        Certificate.load("/dev/zero")


@pytest.mark.parametrize(
    "text", ["a\nb", "a\u202eb", "a\u200bb", "a\x1b[31m", "\ud800", "a\u2028b", "x" * 1001, "\x00"]
)
@pytest.mark.parametrize("place", ["model.name", "versions.torch", "model.settings", "model.parameters", "model.fixed"])
def test_no_text_has_line_breaks_or_what_cannot_be_seen(honest: dict[str, Any], text: str, place: str) -> None:
    value = (
        {text: {"model.settings": 1, "model.parameters": [1]}.get(place, "0" * 64)} if place.count("s.") != 1 else text
    )
    value = text if place in ("model.name", "versions.torch") else value
    with pytest.raises(CertificateError) as caught:
        Certificate.from_dict(with_value(honest, place, value))
    assert caught.value.step == "fields"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("versions", [{}, {"seprank": "1"}, {f"p{i}": "1" for i in range(1000)}])
def test_versions_are_those_of_four_packages(honest: dict[str, Any], versions: dict[str, str]) -> None:
    with pytest.raises(CertificateError, match="versions must be those of"):
        Certificate.from_dict(with_value(honest, "versions", versions))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (float("nan"), "seconds must be a finite number, got nan"),
        (float("inf"), "seconds must be a finite number, got inf"),
        (-1.0, "seconds: Input should be greater than or equal to 0, got -1.0"),
        (-1e-9, "seconds: Input should be greater than or equal to 0, got -1e-09"),
        (1e10, "seconds: Input should be less than or equal to 1000000000, got 10000000000.0"),
    ],
)
def test_seconds_are_a_time(honest: dict[str, Any], seconds: float, said: str) -> None:
    with pytest.raises(CertificateError, match=re.escape(said)):
        Certificate.from_dict(with_value(honest, "seconds", seconds))


def test_minus_zero_is_zero(honest: dict[str, Any]) -> None:
    text = json.dumps(honest).replace('"seed": 0', '"seed": -0')
    assert form.parse(text) == honest


def test_certify_writes_nothing_that_cannot_be_read(tmp_path: Path) -> None:
    found = certify(RAC(2, 2), length=4, progress=False, factory=Factory("x\ny.py:build", RAC, "0" * 64))
    assert Certificate.load(found.save(tmp_path / "c.json")) == found


# --- sizes


SIZES = [
    ("model.settings.depth", 10**9),
    ("model.settings.depth", 10**30),
    ("model.settings.width", 10**9),
    ("model.settings.inputs", 10**12),
    ("question.length", 10**5),
    ("question.length", 10**7),
    ("question.length", 2**62),
    ("question.inputs", 2**22),
    ("question.inputs", 2**62),
    ("starts", 10**9),
    ("ends", 2**62),
    ("rank", 10**9),
    ("question.seed", 10**999),
    ("question.prime", 2**61 - 1),
    ("question.readout", 10**12),
    ("upper_bound", 10**999),
    ("minor.determinant", 10**999),
]


@pytest.mark.parametrize("file", ["registry.json", "tokens.json"])
@pytest.mark.parametrize(("place", "size"), SIZES, ids=range(len(SIZES)))
def test_no_size_is_believed(file: str, place: str, size: int) -> None:
    body = with_value(json.loads((FOLDER / file).read_text()), place, size)
    check_is_refused_at_once(body)


def check_is_refused_at_once(body: dict[str, Any], factory: Factory | None = None) -> None:
    began = time.perf_counter()
    with pytest.raises((CertificateError, MemoryBudgetError, cost.LongerThanAllowed)):
        verify(Certificate.from_dict(body), factory=factory, memory=2**28, seconds=60, progress=False)
    assert time.perf_counter() - began < 60


LAYERS = 300_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        # as many numbers as such a network has, in one tensor, or in as many tensors as it has layers
        ({"inputs": 1, "width": 1, "depth": 10**7}, {"w": [3 * 10**7]}),
        ({"inputs": 1, "width": 1, "depth": LAYERS}, {f"w{i}": [3] for i in range(LAYERS)}),
        ({"inputs": 10**5, "width": 10**5, "depth": 1}, {"w": [2 * 10**10 + 10**5]}),
        ({"inputs": 2, "width": 2, "depth": 2}, {"w": [2**63 - 1] * 64}),
    ],
    ids=range(4),
)
def test_no_network_is_built_from_parameters_that_only_add_up(
    honest: dict[str, Any], settings: dict[str, int], parameters: dict[str, list[int]]
) -> None:
    check_is_refused_at_once(with_value(with_value(honest, "model.settings", settings), "model.parameters", parameters))


def test_sizes_that_agree_with_each_other_are_estimated_before_anything_is_made(honest: dict[str, Any]) -> None:
    long = with_value(with_value(honest, "question.length", 10**8), "question.cut", 5 * 10**7)
    with pytest.raises(MemoryBudgetError, match=r"about .*iB, most of it for .*, more than .*--memory"):
        verify(Certificate.from_dict(long), progress=False, memory=2**30)
    with pytest.raises(cost.LongerThanAllowed, match=r"about .*, more than the 60 s .*--seconds"):
        verify(Certificate.from_dict(long), progress=False, memory=2**60, seconds=60)
    many = with_value(with_value(honest, "starts", 2**40), "ends", 2**40)
    with pytest.raises(MemoryBudgetError, match="the start and end halves"):
        verify(Certificate.from_dict(many), progress=False)


def test_as_many_words_as_there_are_cost_many_draws() -> None:
    body = json.loads((FOLDER / "tokens.json").read_text())
    for place, value in {"question.length": 46, "question.cut": 23, "starts": 2**23, "ends": 2**23}.items():
        body = with_value(body, place, value)
    with pytest.raises(MemoryBudgetError, match="the start and end halves"):
        verify(Certificate.from_dict(body), progress=False, memory=2**30)


DEEP = """
import torch
from torch import nn

class Deep(nn.Module):
    input_size = 2

    def __init__(self, width, depth):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(2, width) for _ in range(depth))
        self.more = nn.Parameter(torch.eye(width))

    def forward(self, x, state=None):
        h = self.layers[0](x[:, -1])
        return h, h

def build(width=2, depth=1):
    return Deep(width, depth)
"""


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"width": 10**9}, {"depth": 10**9}, {"width": 10**5, "depth": 0}, {"width": "2"}])
def test_a_factory_is_not_followed_beyond_the_memory(settings: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "deep.py"
    file.write_text(DEEP)
    factory = load_factory(f"{file}:build")
    found = certify(factory.build(), length=4, factory=factory, progress=False)
    assert verify(found, factory=factory, progress=False, memory=2**28)
    check_is_refused_at_once(with_value(found.to_dict(), "model.settings", settings), factory)


def test_a_factory_of_another_text_is_not_called(tmp_path: Path) -> None:
    file = tmp_path / "deep.py"
    file.write_text(DEEP)
    factory = load_factory(f"{file}:build")
    found = certify(factory.build(), length=4, factory=factory, progress=False)
    called: list[int] = []
    other = Factory(f"{file}:build", lambda: called.append(1), "0" * 64)
    with pytest.raises(CertificateError, match="sha256"):
        verify(found, factory=other, progress=False)
    another = Factory(f"{file}:build_all", lambda: called.append(1), factory.sha256)
    with pytest.raises(CertificateError, match="name is"):
        verify(found, factory=another, progress=False)
    assert not called


@pytest.mark.slow
def test_the_command_ends_with_one_line_within_seconds(tmp_path: Path, honest: dict[str, Any]) -> None:
    limited = "import resource as r; r.setrlimit(r.RLIMIT_AS, (2**33, 2**33)); from seprank.cli import main; main()"
    for number, (content, code) in enumerate(
        [
            ("[" * 200_000 + "]" * 200_000, 2),
            (json.dumps(with_value(honest, "model.settings.depth", 10**9)), 1),
            (json.dumps(with_value(with_value(honest, "question.length", 10**7), "question.cut", 5)), 2),
            (json.dumps(with_value(honest, "model.name", "rac is exactly 9\nvalid: it")), 2),
        ]
    ):
        file = tmp_path / f"{number}.json"
        file.write_text(content)
        command = [sys.executable, "-c", limited, "verify", str(file), "--memory", "1GiB", "--seconds", "60"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ, check=False)
        assert (ended.returncode, ended.stdout) == (code, ""), ended
        assert ended.stderr.count("\n") == 1
        assert ended.stderr.startswith("seprank: ")


def test_a_long_recheck_is_announced(honest: dict[str, Any], monkeypatch: Any, capsys: Any) -> None:
    assert verify(Certificate.from_dict(honest))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.modules[verify.__module__], "_LONG", 0.0)
    assert verify(Certificate.from_dict(honest))
    assert "rechecking this certificate takes about" in capsys.readouterr().err


def test_every_limit_is_in_the_documentation() -> None:
    page = " ".join(DOCS.read_text("utf-8").split())
    for limit in (form.MOST_BYTES, form.MOST_VALUES, form.MOST_NESTING, form.MOST_DIGITS, form.MOST_TEXT):
        assert f"{limit:,}" in page
    assert f"{form.MOST_DIMENSIONS} dimensions" in page
    assert f"{MOST_SECONDS:,.0f} seconds" in page
    for name in form.VERSIONS:
        assert f"`{name}`" in page


# --- names


@pytest.mark.parametrize("name", ["rac", "my_model.py:build", "/a/b-c.py:build", "__main__.f.<locals>.Cell"])
def test_plain_names_stand_as_they_are(name: str) -> None:
    assert quoted_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "rac is exactly 9\nvalid: x",
        "it's",
        '"it\'s" at least',
        "x" * 1000,
        "r\u0430c",
        "a\u202eb",
        "\x1b[2J",
        "(x",
    ],
)
def test_other_names_are_quoted_on_one_line(name: str) -> None:
    text = quoted_name(name)
    assert text.isprintable()
    assert text[0] == text[-1]
    assert text[0] in "'\""
    assert text[0] not in text[1:-1].replace("\\" + text[0], "")
    assert len(text) <= MOST_SHOWN + 2


def test_long_values_are_cut() -> None:
    assert shown({"a": 1}) == "{'a': 1}"
    assert len(shown(list(range(1000)))) <= MOST_SHOWN
    assert shown("x" * 100).endswith("...'")


def test_a_forged_name_forges_no_sentence(honest: dict[str, Any]) -> None:
    body = with_value(honest, "model.name", "rac is exactly 9 (ignore the rest: ")
    first = str(Certificate.from_dict(body)).splitlines()[0]
    assert first.startswith("Start-End separation rank of 'rac is exactly 9 (ignore the rest: '")


def test_the_verdict_names_the_factory_that_was_given_and_not_the_one_that_is_stated() -> None:
    factory = load_factory(f"{FOLDER / 'product_model.py'}:build")
    body = json.loads((FOLDER / "factory.json").read_text())
    built = replace(factory, settings=body["model"]["settings"]).build()
    forged = with_value(body, "model.name", "the rank of gpt4 is exactly 1000000, and of x.py:build")
    for place, value in {  # as made before its least bound was found
        "versions.seprank": "0.0.9",
        "bounds": body["bounds"][1:],
        "upper_bound": 15,
        "exact": False,
        "error": stated_error(built, Certificate.from_dict(body).question, Sampled(9, 23, 23, 1, 15)),
    }.items():
        forged = with_value(forged, place, value)
    text = str(recheck(Certificate.from_dict(forged), None, VerifySettings(), factory=factory, progress=False))
    assert "gpt4" not in text
    assert text.splitlines()[0].endswith("product_model.py:build is at least 9")
    assert text.splitlines()[1:] == [
        "  theory has found since: upper degrees: joint 9",
        "  not checked, and not needed for this: saturated",
    ]


# --- values that are kept


class Reservoir(nn.Module):
    """Its recurrent weights are random numbers that are no parameters."""

    input_size = 2

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.read = nn.Linear(2, 3)
        draw = torch.randint(-9, 9, (3, 3), generator=torch.Generator().manual_seed(seed))
        self.register_buffer("mixing", draw.double())

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        h = x.new_ones(len(x), 3) if state is None else state
        for step in x.unbind(1):
            h = self.read(step) * (h @ self.mixing)
        return h, h


def test_a_buffer_of_other_values_is_named() -> None:
    found = certify(Reservoir(0), length=4, progress=False)
    assert verify(found, Reservoir(0), progress=False)
    body = with_value(found.to_dict(), "model.fixed", {"mixing": "0" * 64})
    with pytest.raises(CertificateError, match="mixing, a buffer or a parameter that keeps its value") as caught:
        verify(Certificate.from_dict(body), Reservoir(0), progress=False)
    assert caught.value.step == "model"
