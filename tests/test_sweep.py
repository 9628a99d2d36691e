"""Sweeps: all jobs of a file, each once, whatever happens to driver and workers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from seprank import Certificate, certify, verify
from seprank.cli import app
from seprank.jobs import Sweep, outlook, read_sweep, sweep
from seprank.jobs.config import SHIPPED, ConfigError
from seprank.models.rac import RAC
from seprank.store import Store
from seprank.theory import upper_bound

CONFIGS = SHIPPED
GRID: dict[str, Any] = {"inputs": [1, 2], "width": [2, 3], "depth": [1, 2], "cut": ["1/4", "1/2", "3/4"]}
CERTIFY: dict[str, Any] = {"blocks": [{"command": "certify", "settings": {"length": 6}, "grid": GRID}]}


def write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_sweep_certifies_every_cell(tmp_path: Path) -> None:
    plan = Sweep.model_validate(CERTIFY)
    summary = sweep(plan, store=tmp_path / "a.db")
    assert (summary.jobs, summary.done, summary.stored, summary.failed) == (24, 24, 0, 0)
    with Store(tmp_path / "a.db") as store:
        records = store.records()
    assert len(records) == 24
    for record in records:
        asked = record.job.settings
        sizes = {name: asked[name] for name in ("inputs", "width", "depth")}
        assert record.result["rank"] == upper_bound(**sizes, length=6, cut=asked["cut"]).value
        module = RAC(sizes["inputs"], sizes["width"], sizes["depth"])
        assert certify(module, length=6, cut=asked["cut"]).rank == record.result["rank"]
    certificate = Certificate.from_dict(records[5].result["certificate"])
    assert isinstance(certificate, Certificate)
    assert verify(certificate)


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    plan = Sweep.model_validate(CERTIFY)
    sweep(plan, store=tmp_path / "a.db")
    again = sweep(plan, store=tmp_path / "a.db")
    assert (again.done, again.stored) == (0, 24)
    assert str(again) == "nothing to do: all 24 jobs are in the store"
    assert again.seconds < 5


@pytest.mark.slow
def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    plan = Sweep.model_validate(CERTIFY)
    sweep(plan, store=tmp_path / "one.db")
    assert sweep(plan, store=tmp_path / "two.db", workers=2).done == 24
    found = []
    for name in ("one", "two"):
        with Store(tmp_path / f"{name}.db") as store:
            found.append({record.job.key: record.result["certificate"]["minor"] for record in store.records()})
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_running_scheduler_is_used_by_its_address(tmp_path: Path) -> None:
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=None) as cluster:
        summary = sweep(Sweep.model_validate(CERTIFY), store=tmp_path / "a.db", scheduler=cluster.scheduler_address)
    assert summary.done == 24


def test_curves_are_swept_and_are_those_of_the_command(tmp_path: Path) -> None:
    sizes = {"model": "gru", "inputs": 2, "width": 3, "length": 12, "samples": 32}
    grid = {"depth": [1, 2], "lags": [[1, 4], [4, 1]]}
    plan = Sweep.model_validate({"blocks": [{"command": "remember", "settings": sizes, "grid": grid}]})
    assert sweep(plan, store=tmp_path / "a.db").done == 2
    with Store(tmp_path / "a.db") as store:
        records = store.records(command="remember")
    arguments = [word for name, value in list(sizes.items())[1:] for word in (f"--{name}", str(value))]
    for record in records:
        depth = str(record.job.settings["depth"])
        words = ["remember", "gru", *arguments, "--depth", depth, "--lags", "1,4", "--json"]
        content = json.loads(CliRunner().invoke(app, words).stdout)
        assert record.result["curve"]["memory"] == content["memory"]
        assert record.result["reach"] == content["reach"]
        assert "it reaches" in record.result["sentence"]


@pytest.mark.slow
def test_all_commands_can_be_swept(tmp_path: Path) -> None:
    blocks = [
        {"command": "measure", "settings": {"model": "mi_rnn", "inputs": 2, "width": 3, "length": 4, "starts": 16}},
        {
            "command": "train",
            "settings": {"task": "copying-memory", "model": "gru", "width": 4, "steps": 2, "batch": 4},
            "grid": {"task_settings.memory": [1, 2], "task_settings.delay": [0]},
        },
    ]
    sweep(Sweep.model_validate({"blocks": blocks}), store=tmp_path / "a.db")
    with Store(tmp_path / "a.db") as store:
        assert [record.result["starts"] for record in store.records(command="measure")] == [16]
        trained = store.records(command="train")
    assert {record.job.settings["task_settings"]["memory"] for record in trained} == {1, 2}
    assert all((tmp_path / "train" / record.job.key[:16] / "weights.safetensors").is_file() for record in trained)


def test_a_failed_job_is_a_record_and_is_tried_again_when_asked(tmp_path: Path) -> None:
    content = {"blocks": [{"command": "certify", "settings": {"inputs": 2, "width": 3, "length": 4, "readout": 99}}]}
    config, store = write(tmp_path / "bad.yaml", content), tmp_path / "a.db"
    earlier = ""
    for extra, done in (([], 1), ([], 0), (["--retry"], 1)):
        found = CliRunner().invoke(app, ["sweep", str(config), "--store", str(store), "--json", *extra])
        assert found.exit_code == 1
        assert json.loads(found.stdout)["failed"] == 1
        with Store(store) as opened:
            (record,) = opened.records(status="failed")
        assert "Traceback" in (record.error or "")
        assert "readout" in (record.error or "")
        assert done or record.finished == earlier
        earlier = record.finished
    assert "1 failed: `seprank results" in CliRunner().invoke(app, ["sweep", str(config), "--store", str(store)]).stdout


def test_cells_above_a_bound_are_left_out() -> None:
    block = CERTIFY["blocks"][0] | {"max_upper_bound": 5}
    works = Sweep.model_validate({"blocks": [block]}).works()
    every = Sweep.model_validate(CERTIFY).works()
    bounds = [work.upper_bound() for work in every]
    assert 0 < len(works) == sum(bound is not None and bound <= 5 for bound in bounds) < len(every)


def test_equal_jobs_are_one_and_cuts_are_steps() -> None:
    blocks = [{"command": "certify", "settings": {"inputs": 2, "width": 2, "length": 5}, "grid": {"cut": cuts}}
              for cuts in ([None, 2, "1/2", "2/5"], ["1/100", "99/100"])]  # fmt: skip
    works = Sweep.model_validate({"blocks": blocks}).works()
    assert [work.job.settings["cut"] for work in works] == [2, 1, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], r"must have the keys description, blocks, got list"),
        ({"block": []}, r"unknown key 'block'; did you mean 'blocks'|blocks: field required"),
        ({"blocks": []}, "at least 1 item"),
        (
            {"blocks": [{"command": "certfy"}]},
            "command: input should be 'certify', 'measure', 'remember' or 'train', got 'certfy'",
        ),
        ({"blocks": [{"command": "certify", "grids": {}}]}, "unknown key 'blocks.0.grids'; did you mean 'grid'"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_sweep(write(tmp_path / "a.yaml", content))


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [
        ("certify", {"widht": 2}, "unknown key 'widht'; did you mean 'width'|inputs: field required"),
        ("certify", {"inputs": 2, "width": 2, "length": 4, "widht": 2}, "unknown key 'widht'; did you mean 'width'"),
        (
            "certify",
            {"inputs": 2, "width": 2, "length": 4, "cut": 4},
            "cut must be between 1 and length - 1 = 3, got 4",
        ),
        (
            "certify",
            {"inputs": 2, "width": 2, "length": 4, "cut": "5/4"},
            "fraction between 0 and 1 or a .* got '5/4'",
        ),
        ("certify", {"inputs": 2, "width": 2, "length": 4, "model": "rak"}, "did you mean 'rac'"),
        (
            "certify",
            {"inputs": 0, "width": 2, "length": 4},
            "inputs must be at least 1, got 0; use 1 or more",
        ),
        ("remember", {"inputs": 2, "width": 2, "length": 1}, "length must be at least 2"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "lags": [8]}, "between 1 and 7, got 8"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "lags": "some"}, "numbers of steps or 'all'"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "lags": 3}, "numbers of steps or 'all'"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "samples": 31}, "at least 32"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "cut": 4}, "unknown key 'cut'"),
        ("remember", {"inputs": 2, "width": 2, "length": 8, "memory": 4}, "unknown key 'memory'"),
        ("train", {"task": "copying-memory", "model": "gru", "wide": 2}, "unknown key 'wide'"),
        ("train", {"task": "copying-memory", "model": "gru", "width": 3, "parameters": 9}, "give width or parameters"),
        ("train", {"task": "copying-memory", "model": "gru", "width": 2, "task_settings": {"d": 1}}, "no setting 'd'"),
    ],
)
def test_jobs_that_cannot_be(command: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Sweep.model_validate({"blocks": [{"command": command, "settings": settings}]}).works()


def test_jobs_that_run_together_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["seprank.jobs.sweep"]
    monkeypatch.setattr(module, "default_budget", lambda: 1200)
    share = module._share
    assert share(100, 4, None) == 25
    assert share(None, 4, None) == 300
    assert share(100, 1, None) == 100
    assert share(None, 1, None) is None
    assert share(None, 4, "tcp://host:8786") is None


@pytest.mark.slow
def test_command_line_mistakes(tmp_path: Path) -> None:
    (tmp_path / "no.yaml").write_text("a: [", encoding="utf-8")
    good = write(tmp_path / "good.yaml", CERTIFY)
    for arguments, message in [
        ([str(tmp_path / "none.yaml")], "there is no file"),
        ([str(tmp_path / "no.yaml")], "is not YAML"),
        ([str(good), "--workers", "0"], "workers must be at least 1, got 0"),
        ([str(good), "--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "127.0.0.1:1"),
    ]:
        store = ["--store", str(tmp_path / f"{len(message)}.db")]
        done = CliRunner().invoke(app, ["sweep", *arguments, *store])
        assert done.exit_code == 2, done.output
        assert message in done.stderr
    CliRunner().invoke(app, ["sweep", str(good), "--store", str(tmp_path / "a.db")])
    fresh = CliRunner().invoke(app, ["sweep", str(good), "--store", str(tmp_path / "a.db"), "--fresh"])
    assert fresh.exit_code == 2
    assert "leave out --fresh" in fresh.stderr


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    config = write(tmp_path / "a.yaml", CERTIFY)
    done = CliRunner().invoke(app, ["sweep", str(config), "--store", str(tmp_path / "a.db"), "--dry-run"])
    assert done.stdout == "24 jobs (24 certify), 0 of them in the store\n"
    assert not (tmp_path / "a.db").exists()
    done = CliRunner().invoke(app, ["sweep", str(config), "--store", str(tmp_path / "a.db"), "--dry-run", "--json"])
    assert done.exit_code == 0
    assert set(json.loads(done.stdout)) == {"commands", "stored"}


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_can_be_swept(path: Path, tmp_path: Path) -> None:
    assert sum(outlook(read_sweep(path), tmp_path / "none.db").commands.values()) > 0


def slow(jobs: int) -> dict[str, Any]:
    """A sweep of that many jobs of a fraction of a second each."""
    settings = {"length": 8, "width": 3, "inputs": 3, "depth": 2}
    return {"blocks": [{"command": "certify", "settings": settings, "grid": {"seed": list(range(jobs))}}]}


KILLING = """
import os, random, signal, sys, time
from pathlib import Path
import seprank.certification.search, seprank.models.rac
from seprank.store import Store
from seprank.jobs import read_sweep, sweep

plan, store, chance = read_sweep(sys.argv[1]), Path(sys.argv[2]), random.Random(3)
kills, before = 0, {}
while kills < 20:
    child = os.fork()
    if child == 0:
        sweep(plan, store=store, progress=False)
        os._exit(0)
    time.sleep(chance.uniform(0.0, 0.15))
    os.kill(child, signal.SIGKILL)
    if os.waitpid(child, 0)[1] == 0:
        raise SystemExit("the sweep ended before it was killed 20 times")
    kills += 1
    if store.exists():
        try:
            with Store(store) as opened:
                now = {record.job.key: record.finished for record in opened.records()}
        except ValueError as error:
            if "not a store" not in str(error):
                raise
            continue  # killed before it was made
        assert before.items() <= now.items(), "a record was lost, or a finished job done twice"
        before = now
print(len(before))
"""


@pytest.mark.slow
def test_the_driver_killed_at_any_moment_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    config = write(tmp_path / "slow.yaml", slow(60))  # more than can be done between the kills
    arguments = [sys.executable, "-c", KILLING, str(config), str(tmp_path / "a.db")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    kept = int(done.stdout)
    summary = sweep(read_sweep(config), store=tmp_path / "a.db")
    assert (summary.stored, summary.done, summary.failed) == (kept, 60 - kept, 0)


@pytest.mark.slow
def test_a_worker_killed_during_a_job_costs_that_job_alone(tmp_path: Path) -> None:
    config, store = write(tmp_path / "slow.yaml", slow(24)), tmp_path / "a.db"
    arguments = [
        sys.executable,
        "-m",
        "seprank",
        "sweep",
        str(config),
        "--store",
        str(store),
        "--workers",
        "2",
        "--json",
    ]
    driver = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (store.exists() and finished(store)):
        time.sleep(0.05)
    workers = [process for process in psutil.Process(driver.pid).children(recursive=True) if is_worker(process)]
    random.Random(1).choice(workers).send_signal(signal.SIGKILL)
    output, _ = driver.communicate(timeout=120)
    assert json.loads(output) | {"seconds": 0} == {"jobs": 24, "stored": 0, "done": 24, "failed": 0, "seconds": 0}
    assert finished(store) == 24


def finished(path: Path) -> int:
    try:
        with Store(path) as store:
            return len(store.records())
    except ValueError:  # it is being made
        return 0


def is_worker(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


def test_two_drivers_on_one_store(tmp_path: Path) -> None:
    config, store = write(tmp_path / "slow.yaml", slow(24)), tmp_path / "a.db"
    with Store(store, write=True):
        done = CliRunner().invoke(app, ["sweep", str(config), "--store", str(store)])
    assert done.exit_code == 2
    assert f"another process is writing {store}" in done.stderr


FULL = """
set -e
mount -t tmpfs -o size=400k none {folder}
set +e
{python} -m seprank sweep {config} --store {folder}/a.db; echo "exit $?"
{python} -m seprank results {folder}/a.db | tail -1
mount -o remount,size=10m {folder}
{python} -m seprank sweep {config} --store {folder}/a.db; echo "exit $?"
"""


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_loses_nothing(tmp_path: Path) -> None:
    """On a small file system of its own, mounted where nobody else sees it."""
    (tmp_path / "small").mkdir()
    config = write(tmp_path / "slow.yaml", slow(60))
    script = FULL.format(folder=tmp_path / "small", python=sys.executable, config=config)
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    if "mount" in done.stderr or "unshare" in done.stderr:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    first, kept, summary, _, second = done.stdout.splitlines()
    assert "no space left on the disk" in done.stderr
    assert "what was finished before is kept" in done.stderr
    assert (first, second) == ("exit 2", "exit 0")
    records = int(kept.split()[0])
    assert 0 < records < 60
    assert summary.startswith(f"{60 - records} of 60 jobs done now, {records} before")
