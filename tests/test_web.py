"""The explorer page: its logic without a browser, then the page itself in one."""

from __future__ import annotations

import json
import operator
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from seprank import MODELS, Certificate, bounds, certify, degree_bounds, verify
from seprank.cli import app
from seprank.system.memory import MemoryBudgetError
from seprank.tasks.start_end_similarity import MatchCount
from seprank.theory.proofs import proof_page
from seprank.theory.statements import explain
from seprank.web import serve
from seprank.web.budget import PROCESS, Budget, estimate
from seprank.web.jobs import Job, Paced
from seprank.web.meaning import meaning
from seprank.web.panel import Panel
from seprank.web.rank_chart import chart
from seprank.web.session import Session
from seprank.web.settings import LIMITS, Settings, from_query, parse
from seprank.web.tables import bounds_table, ranks_table
from seprank.web.work import certify_lengths

SMALL = Settings(inputs=2, width=2, depth=2, length=8)
"""Of rank ((2 + 4 - 1; 4)) * 2 = 10, exactly"""
LONG = Settings(inputs=6, width=8, depth=3, length=12, max_samples=6000)
"""Takes minutes"""
PLENTY = 2**32


def until(condition: Callable[[], Any], seconds: float | int = 90) -> None:
    """Wait for something that takes a moment."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def finished(panel: Panel) -> bool:
    panel.poll()
    return not panel.busy


# Settings


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        SMALL,
        LONG,
        Settings(model="elman", cut=3, domain="tokens", seed=2**53 - 1),
        Settings(model="attention", length=5, split=(0, 2)),
    ],
    ids=str,
)
def test_a_query_restores_settings(settings: Settings) -> None:
    assert from_query(settings.to_query()) == (settings, [])
    assert from_query(settings.to_query("b.") | {"width": "77"}, "b.") == (settings, [])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "file.py:factory"}, "model must be one of rac,"),
        ({"model": "os.system"}, "model must be one of rac,"),
        (
            {"split": "0,2"},
            "split is for models of whole sequences (attention), and rac goes step by step",
        ),
        ({"model": "attention", "split": "0,x"}, "a position of split must be a whole number, got 'x'"),
        ({"model": "attention", "split": "0,9", "length": 6}, "a position of split must be between 0 and 5, got 9"),
        ({"model": "attention", "split": "0,2", "cut": 3}, "a split of 2 positions has no other cut, got 3"),
        ({"domain": "words"}, "domain must be one of functional, tokens, got 'words'"),
        ({"width": 0}, "width must be between 1 and 1,000,000, got 0"),
        ({"width": 2.5}, "width must be a whole number, got '2.5'"),
        ({"width": float("nan")}, "width must be a whole number"),
        ({"width": None}, "width must be a whole number, got nothing"),
        ({"length": 1}, "length must be at least 2 to be cut, got 1"),
        ({"length": 4, "cut": 4}, "cut must be between 1 and length - 1 = 3, got 4"),
        ({"max_samples": ""}, "samples at most must be a whole number"),
        ({"seed": -1}, "seed must be between 0"),
        ({"inputs": "9" * 5000}, "inputs must be a whole number"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(values)


def test_numbers_of_a_browser_are_whole() -> None:
    assert parse({"width": 4.0, "cut": 3.0, "seed": 9007199254740991.0}) == Settings(width=4, cut=3, seed=2**53 - 1)


def test_a_bad_query_keeps_what_is_good_in_it() -> None:
    settings, problems = from_query({"model": "evil.py:run", "width": "5", "depth": "x", "utm": "1", "cut": "6"})
    assert settings == Settings(width=5, cut=6)
    assert [problem.split(" must")[0] for problem in problems] == [
        "not taken from the address: model",
        "not taken from the address: depth",
    ]


@pytest.mark.parametrize(
    ("settings", "lengths"),
    [
        (Settings(length=2), [2]),
        (Settings(length=3), [2, 3]),
        (Settings(length=9), [2, 3, 4, 5, 6, 7, 8, 9]),
        (Settings(length=100), [2, 16, 30, 44, 58, 72, 86, 100]),
        (Settings(length=9, cut=6), [7, 8, 9]),
        (Settings(length=9, cut=8), [9]),
        (Settings(model="attention", length=9, split=(0, 2, 8)), [9]),
    ],
    ids=str,
)
def test_lengths_of_the_chart(settings: Settings, lengths: list[int]) -> None:
    assert settings.chart_lengths() == lengths


def test_greatest_sizes_are_answered_at_once() -> None:
    largest = {name: most for name, (_, most) in LIMITS.items() if name != "cut"}
    began = time.monotonic()
    for model in MODELS:
        for domain in ("functional", "tokens"):
            panel = Panel("A", Settings(model=model, domain=domain, **largest), Budget(PLENTY))
            assert "more than the 4 GiB that runs may take" in (panel.problem or "")
            chart([panel])
            panel.close()
    assert time.monotonic() - began < 30


# Memory


def test_samples_of_the_estimate_are_those_that_can_be_drawn() -> None:
    # twice the matrix and a part, eight bytes a number; sequences twice
    by_hand = int(8 * 2.3 * 53 * 53)
    assert estimate(Settings()).matrix == by_hand  # the rank is at most 45
    assert estimate(Settings(max_samples=40)).samples == 40
    for inputs in range(1, 6):
        for length in range(2, 8):
            tokens = Settings(model="mi_rnn", inputs=inputs, length=length, domain="tokens")
            assert estimate(tokens).samples == min(1024, inputs ** max(tokens.steps))


def test_a_run_that_cannot_fit_is_refused_with_the_estimate() -> None:
    with pytest.raises(MemoryBudgetError, match=r"weights 5\S+ TiB.* more than the 1 GiB .* smaller width"):
        Budget(2**30).check(Settings(width=10**6))
    with pytest.raises(MemoryBudgetError, match=r"matrix 16.73 TiB.* more than the 1 GiB .* fewer samples"):
        Budget(2**30).check(Settings(model="mi_rnn", max_samples=10**6))


def test_runs_share_the_memory() -> None:
    budget, large = Budget(PROCESS + 2**28), Settings(model="mi_rnn", max_samples=3000)
    assert budget.take(1, large) <= 2**28
    with pytest.raises(MemoryBudgetError, match="other runs on this server leave"):
        budget.take(2, large)
    budget.give_back(1)
    assert budget.take(2, large) <= 2**28
    budget.give_back(2)
    budget.give_back(2)
    assert budget.left == PROCESS + 2**28


def test_many_tabs_take_no_more_memory_than_one_may() -> None:
    """Sixteen tabs of small settings, each of which alone would fit: their processes count as well."""
    budget, taken = Budget(2**30), []
    for tab in range(16):
        for take in (lambda key: budget.take(key, SMALL) + PROCESS, lambda key: budget.take_process(key) or PROCESS):
            with suppress(MemoryBudgetError):
                taken.append(take((tab, len(taken))))
    assert 2 <= len(taken) <= 2**30 // PROCESS
    assert sum(taken) + budget.left == 2**30
    for take in (lambda: budget.take("one", SMALL), lambda: budget.take_process("one")):
        with pytest.raises(MemoryBudgetError, match=r"256 MiB.*wait for them, or cancel one"):
            take()


@pytest.mark.slow
def test_bounds_and_pictures_wait_for_room_too() -> None:
    budget = Budget(2 * PROCESS)
    first = Panel("A", Settings(model="mi_rnn"), budget)
    second = Panel("B", Settings(model="cp_rnn"), budget)
    assert budget.left == 0
    assert first.busy
    assert second.busy
    third = Panel("A", Settings(model="arithmetic_gru"), budget)
    assert (third.busy, third.known) == (False, [])
    third.choose(asdict(SMALL))
    third.draw()
    assert not third.drawing
    assert "wait for them" in (third.picture_notice or "")
    first.close()
    second.close()
    assert budget.left == 2 * PROCESS


def test_too_little_memory_for_one_run_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"at least 512 MiB.*use more --memory"):
        serve(port=8080, memory=2**20)


# Processes


def ended(job: Job) -> bool:
    job.poll()
    return job.state != "running"


@pytest.mark.slow
def test_a_job_reports_and_ends() -> None:
    job, reports = Job(operator.call, "word", {"number": 42}), []
    until(lambda: reports.extend(job.poll()) or job.state != "running")
    assert (reports, job.state, job.failure) == ([("word", {"number": 42})], "done", None)
    job.cancel()
    assert job.state == "done"


@pytest.mark.slow
def test_a_job_that_fails_says_why() -> None:
    job = Job(certify_lengths, Settings(width=500), [4], 1000)
    until(lambda: ended(job))
    assert job.state == "failed"
    assert "weights alone take about" in (job.failure or "")


@pytest.mark.slow
def test_a_job_that_is_killed_from_outside_has_failed() -> None:
    job = Job(certify_lengths, LONG, [12], PLENTY)
    assert job.process_id is not None
    os.kill(job.process_id, signal.SIGKILL)
    until(lambda: ended(job))
    assert job.state == "failed"
    assert "without an answer" in (job.failure or "")


@pytest.mark.slow
def test_a_cancelled_job_has_no_process() -> None:
    job = Job(timeit.timeit, "import time; time.sleep(600)")  # which reports nothing that could fail
    number = job.process_id
    assert number is not None
    assert psutil.pid_exists(number)
    job.cancel()
    until(lambda: not psutil.pid_exists(number), seconds=20)
    assert (job.state, job.poll()) == ("cancelled", [])


@pytest.mark.slow
def test_no_process_outlives_a_server_that_is_killed() -> None:
    program = (
        "import time, timeit; from seprank.web.jobs import Job\n"
        "print(Job(timeit.timeit, 'import time; time.sleep(600)').process_id, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        number = int(server.stdout.readline())
        assert psutil.pid_exists(number)
        server.kill()
    until(lambda: not psutil.pid_exists(number), seconds=20)


def test_progress_is_passed_on_at_a_readable_pace() -> None:
    passed: list[Any] = []
    pace = Paced(lambda kind, content: passed.append(content), interval=1000.0)
    for done in range(1, 5):
        pace("rank", done, 4)
    assert passed == [("rank", 1, 4), ("rank", 4, 4)]


# One setting


def test_bounds_of_a_family_are_there_at_once() -> None:
    panel = Panel("A", SMALL, Budget(PLENTY))
    assert panel.known == bounds(inputs=2, width=2, depth=2, length=8)
    panel.choose(asdict(SMALL) | {"width": 4.0})
    assert panel.known == bounds(inputs=2, width=4, depth=2, length=8)
    assert not panel.busy


def test_bounds_by_degree_come_from_a_process_and_follow_the_fields() -> None:
    panel = Panel("A", Settings(model="mi_rnn", length=8), Budget(PLENTY))
    panel.choose(asdict(panel.settings) | {"length": 6})
    assert panel.known is None
    until(lambda: finished(panel))
    module = panel.settings.spec.build(inputs=3, width=3, depth=2)
    assert panel.known == degree_bounds(module, length=6)
    assert "computing" not in bounds_table(panel)


def test_certified_ranks_and_their_verdicts() -> None:
    panel = Panel("A", SMALL, Budget(PLENTY))
    panel.certify()
    until(lambda: finished(panel))
    assert panel.notice is None
    assert list(panel.certificates) == [2, 3, 4, 5, 6, 7, 8]
    assert panel.certificates[8].rank == 10
    assert panel.verdict().startswith("rank = 10: exact")
    panel.choose(asdict(SMALL) | {"length": 6})
    assert panel.certificate is panel.certificates[6]
    panel.choose(asdict(SMALL) | {"length": 3, "cut": 2})
    assert (panel.certificate, panel.verdict(), panel.file()) == (None, "not certified yet", None)
    assert "A: rac, inputs 2, width 2, depth 2, functional" in ranks_table([panel])


def test_attention_is_certified_over_any_split(tmp_path: Path) -> None:
    settings = Settings(model="attention", inputs=3, width=3, depth=1, length=5, split=(0, 2, 4))
    panel = Panel("A", settings, Budget(PLENTY))
    assert panel.known == list(bounds(inputs=3, width=3, depth=1, length=5, cut=3, model="attention"))
    panel.certify()
    until(lambda: finished(panel))
    assert panel.certificate is not None, panel.notice
    # one thread more than inputs (docs/attention.md)
    assert (panel.certificate.rank, panel.certificate.known.exact) == (4, True)
    assert panel.certificate.question.split == (0, 2, 4)
    line = settings.command()
    assert "--split 0,2,4" in line
    assert "--cut" not in line
    panel.curve.begin(settings)
    until(lambda: finished(panel))
    assert panel.curve.found is not None, panel.curve.notice


def test_too_few_samples_are_said() -> None:
    panel = Panel("A", Settings(max_samples=20), Budget(PLENTY))
    panel.certify(all_lengths=False)
    until(lambda: finished(panel))
    assert panel.verdict() == "rank ≥ 20: certified lower bound, limited by 20 samples; more may raise it"
    assert "limited by samples" in ranks_table([panel])


def test_cancel_keeps_what_is_complete_and_frees_the_memory() -> None:
    budget = Budget(PLENTY)
    panel = Panel("A", LONG, budget)
    panel.certify()
    assert panel.running
    until(lambda: panel.poll() or (panel.certificates and panel.progress > 0))
    assert budget.left < PLENTY
    panel.cancel()
    assert not panel.running
    assert budget.left == PLENTY
    assert panel.notice == "cancelled; what was certified before is kept"
    assert 2 in panel.certificates


def test_what_cannot_run_is_refused() -> None:
    panel = Panel("A", SMALL, Budget(PROCESS + 2**24))
    panel.choose(asdict(SMALL) | {"max_samples": ""})
    panel.certify()
    assert (panel.running, panel.notice) == (False, "samples at most must be a whole number, got nothing")
    panel.choose(asdict(SMALL) | {"width": 10**5})
    panel.certify()
    assert not panel.running
    assert "more than the 272 MiB that runs may take" in (panel.notice or "")
    panel.choose(asdict(SMALL))
    assert panel.problem is None


@pytest.mark.slow
def test_a_curve_follows_the_settings_and_is_cancelled() -> None:
    budget = Budget(PLENTY)
    panel = Panel("A", SMALL, budget)
    panel.choose({**asdict(SMALL), "length": 9})
    assert not panel.curve.running  # not before it was asked for
    panel.curve.begin(panel.settings)
    until(lambda: finished(panel))
    first = panel.curve.found
    assert first is not None
    assert (first.length, panel.curve.settings) == (9, panel.settings)
    words = shlex.split(panel.settings.curve_command())[1:]
    content = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert content["memory"] == list(first.memory)
    panel.choose({**asdict(SMALL), "length": 12})
    assert panel.curve.running
    until(lambda: finished(panel))
    assert panel.curve.found is not None
    assert panel.curve.found.length == 12
    panel.choose({**asdict(SMALL), "length": 0})
    assert panel.curve.notice is not None
    assert "length" in panel.curve.notice
    panel.choose({**asdict(SMALL), "length": 50_000, "inputs": 100})
    panel.curve.begin(panel.settings)
    panel.curve.cancel()
    assert panel.curve.notice == "cancelled" or "other runs" in (panel.curve.notice or "")
    assert not panel.curve.running
    assert not panel.busy
    assert budget.left == budget.total
    panel.choose({**asdict(SMALL), "length": 10})
    assert not panel.curve.running


def test_a_curve_that_cannot_be_says_why() -> None:
    panel = Panel("A", SMALL, Budget(2 * PROCESS))
    panel.choose({**asdict(SMALL), "inputs": 50, "length": 5000})
    panel.curve.begin(panel.settings)
    assert "a process takes" in (panel.curve.notice or "")
    assert not panel.curve.running


def test_two_panels_do_not_disturb_each_other() -> None:
    budget = Budget(PLENTY)
    first, second = Panel("A", LONG, budget), Panel("A", SMALL, budget)
    first.certify()
    second.certify(all_lengths=False)
    until(lambda: finished(second))
    first.poll()
    assert first.running
    assert (second.certificates[8].rank, second.settings, first.settings) == (10, SMALL, LONG)
    first.close()
    assert budget.left == PLENTY


@pytest.mark.slow
def test_the_picture_is_that_of_the_setting() -> None:
    pytest.importorskip("quimb", reason="needs the extra draw")
    panel = Panel("A", SMALL, Budget(PLENTY))
    panel.draw()
    assert panel.drawing
    until(lambda: finished(panel), seconds=180)
    assert panel.picture is not None, panel.picture_notice
    assert panel.picture[0].startswith("<svg")
    assert "length 8" in panel.picture[1]
    panel.choose(asdict(SMALL) | {"width": 3})
    assert panel.picture is None


@pytest.mark.slow
def test_the_command_line_makes_the_same_certificate(tmp_path: Path) -> None:
    settings = Settings(model="mi_rnn", inputs=2, width=2, depth=1, length=6, cut=2, domain="tokens", seed=5)
    panel = Panel("A", settings, Budget(PLENTY))
    panel.certify(all_lengths=False)
    until(lambda: finished(panel))
    words = shlex.split(settings.command())
    assert words[0] == "seprank"
    words[words.index("--out") + 1] = str(tmp_path / "cli.json")
    assert CliRunner().invoke(app, words[1:]).exit_code == 0
    name, text = panel.file() or ("", "")
    (tmp_path / name).write_text(text, encoding="utf-8")
    ours, theirs = (Certificate.load(tmp_path / file).to_dict() for file in (name, "cli.json"))
    assert {k: v for k, v in ours.items() if k not in ("seconds", "digest")} == {
        k: v for k, v in theirs.items() if k not in ("seconds", "digest")
    }
    assert verify(tmp_path / name)


# Chart and tables


def test_the_chart_has_bounds_at_every_length_and_ranks_where_they_are_certified() -> None:
    panel, other = Panel("A", SMALL, Budget(PLENTY)), Panel("B", Settings(model="elman"), Budget(PLENTY))
    panel.certify(all_lengths=False)
    until(lambda: finished(panel))
    figure = chart([panel, other])
    upper, rank, flat, _ = figure["data"]
    assert (upper["x"], upper["y"][-1]) == ([2, 3, 4, 5, 6, 7, 8], 10)
    assert (rank["x"], rank["y"], rank["marker"]["symbol"]) == ([8], [10], ["circle"])
    assert flat["y"] == [2] * 7
    assert flat["line"]["color"] != upper["line"]["color"]
    json.dumps(figure)


def test_bounds_that_no_browser_can_draw_are_left_out_of_the_chart() -> None:
    panel = Panel("A", Settings(inputs=100, width=100, depth=9, length=1000), Budget(PLENTY))
    drawn = chart([panel])["data"][0]["y"]
    assert 0 < len(drawn) < 8
    assert all(value < 1e301 for value in drawn)


def test_tables_show_text_as_text() -> None:
    panel = Panel("<b>A</b>", Settings(model="elman", length=2), Budget(PLENTY))
    assert ranks_table([panel]) == ""
    panel.certify()
    until(lambda: finished(panel))
    assert "&lt;b&gt;A&lt;/b&gt;: elman" in ranks_table([panel])
    assert 'data-name="kind">exact</td>' in bounds_table(panel)


def test_sources_of_bounds_lead_to_their_proofs() -> None:
    panel = Panel("A", SMALL, Budget(PLENTY))
    links = re.findall(r'<a href="/proofs/([a-z-]+)" target="_blank" rel="noopener">([^<]+)</a>', bounds_table(panel))
    assert len(links) == len(bounds(inputs=2, width=2, depth=2, length=8))
    for slug, source in links:
        assert explain(slug) == explain(source)
        assert explain(slug).title in proof_page(slug)


def test_what_belongs_to_other_settings_is_grey() -> None:
    panel = Panel("A", SMALL, Budget(PLENTY))
    panel.certify(all_lengths=False)
    until(lambda: finished(panel))
    assert "stale" not in ranks_table([panel])
    panel.choose(asdict(SMALL) | {"width": 3})
    assert 'class="stale"' in ranks_table([panel])
    assert "(other settings)" in ranks_table([panel])


def test_a_model_with_activations_has_a_curve_and_no_rank() -> None:
    panel = Panel("A", Settings(model="gru"), Budget(PLENTY))
    assert (panel.known, panel.busy, panel.problem) == ([], False, None)
    panel.certify()
    assert not panel.running
    assert "not polynomial" in (panel.notice or "")
    assert "add and multiply only" in bounds_table(panel)
    assert [trace["y"] for trace in chart([panel])["data"]] == [[], []]
    panel.curve.begin(panel.settings)
    until(lambda: finished(panel))
    assert panel.curve.found is not None
    assert panel.curve.found.length == panel.settings.length


def test_what_a_rank_is_good_for() -> None:
    """The task that is named has a certified rank above that of the network, and with one symbol fewer it has not."""
    found = certify(SMALL.spec.draw(0, **SMALL.network()), length=4)
    assert found.known.exact
    said = meaning(found)
    places, symbols, needed = (int(n) for n in re.findall(r"of (\d+) of (\d+) or more .* rank of (\d+)\.", said)[0])
    for count, above in ((symbols, True), (symbols - 1, False)):
        task = certify(MatchCount(count, 2 * places), length=2 * places, domain="tokens", templates="one-hot")
        assert (task.rank > found.rank) == above
        assert not above or task.rank == needed
    open_ = certify(MODELS["mi_rnn"].draw(0, inputs=2, width=2, depth=2), length=6, samples=5)
    assert "lower bound" in meaning(open_)


# One tab


def test_a_session_is_restored_from_its_query() -> None:
    from urllib.parse import parse_qsl

    session = Session({"width": "5", "b.model": "elman", "b.cut": "2"}, Budget(PLENTY))
    assert (session.comparing, session.problems) == (True, [])
    again = Session(dict(parse_qsl(session.query())), Budget(PLENTY))
    assert [panel.settings for panel in again.panels] == [Settings(width=5), Settings(model="elman", cut=2)]
    assert session.token != again.token
    again.stop_comparing()
    assert again.query() == "model=rac&inputs=3&width=5&depth=2&length=8&domain=functional&max_samples=1024&seed=0"
    again.compare()
    assert again.panels[1].settings == Settings(width=5, depth=1)
    again.stop_comparing()
    again.panels[0].choose(asdict(Settings(depth=1)))
    again.compare()
    assert again.panels[1].settings.depth == 1


def test_a_closed_session_leaves_no_process() -> None:
    session = Session({**LONG.to_query(), **LONG.to_query("b.")}, Budget(PLENTY))
    for panel in session.panels:
        panel.certify()
    before = session.poll()
    session.close()
    assert not any(panel.busy for panel in session.panels)
    assert session.poll() > before


# The server


def test_a_port_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="port must be between 1 and 65535, got 0"):
        serve(port=0)
    result = CliRunner().invoke(app, ["serve", "--port", "70000"])
    assert (result.exit_code, "Traceback" in result.stderr) == (2, False)


def test_a_port_that_is_taken_is_refused() -> None:
    pytest.importorskip("nicegui", reason="needs the extra serve")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="cannot be used"):
            serve(port=taken.getsockname()[1])


def test_without_nicegui_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(ImportError, match=r"pip install 'seprank\[serve\]'"):
        serve(port=free_port())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


@pytest.mark.parametrize(("length", "marks"), [(6, 1), (400, None)])
def test_marks_of_a_short_chart_are_whole_lengths(length: int, marks: int | None) -> None:
    panel = Panel("A", Settings(length=length), Budget(2**33))
    assert chart([panel])["layout"]["xaxis"].get("dtick") == marks
    panel.close()
