"""The page about clusters: its file of jobs can be swept, and its Slurm recipe gives workers that do the work."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from seprank.jobs import Sweep, sweep

PAGE = (Path(__file__).parents[1] / "docs" / "scale-out.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_file_of_the_page_can_be_swept() -> None:
    (text,) = blocks("yaml")
    works = Sweep.model_validate(yaml.safe_load(text)).works()
    assert len(works) == 3 * 2 * 3 * 2


@pytest.mark.slow
def test_the_matrix_of_the_page_is_spread_over_workers() -> None:
    from dask.distributed import LocalCluster

    source = next(block for block in blocks("python") if "get_executor" in block)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=None) as cluster:
        small = source.replace("tcp://host:8786", cluster.scheduler_address).replace("RAC(4, 4", "RAC(2, 2")
        names: dict[str, object] = {}
        exec(small, names)
    assert getattr(names["certificate"], "rank", None) == 52  # the three-layer bound


SBATCH = """#!/bin/sh
# A stand-in for Slurm: runs the script here, and keeps a copy.
cp "$1" {folder}/script
cat "$1" > {folder}/run.sh
sh {folder}/run.sh > {folder}/log 2>&1 &
echo "Submitted batch job $!"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with commands of Slurm's names, first on the path."""
    for name, text in {"sbatch": SBATCH.format(folder=tmp_path), "scancel": "#!/bin/sh\nkill $1\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


@pytest.mark.slow
def test_the_slurm_recipe_gives_workers_that_do_a_sweep(slurm: Path) -> None:
    recipe, scale = (block for block in blocks("python") if "get_executor" not in block)
    local = recipe.replace(")\nprint", '    scheduler_options={"dashboard_address": "127.0.0.1:0"},\n)\nprint')
    program = local + scale.replace("jobs=20", "jobs=1")
    cluster = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert cluster.stdout is not None
    printed = []
    for line in cluster.stdout:
        printed.append(line)
        if line.startswith("tcp://"):
            break
    try:
        script = "".join(printed)
        for needed in ("#SBATCH -p compute", "#SBATCH --mem=8G", "#SBATCH -t 04:00:00", "export OMP_NUM_THREADS=1"):
            assert needed in script
        assert "--nthreads 1" in script
        plan = Sweep.model_validate(
            {"blocks": [{"command": "certify", "settings": {"inputs": 2, "width": 2, "length": 4}}]}
        )
        assert sweep(plan, store=slurm / "a.db", scheduler=printed[-1].strip()).done == 1
        assert "#SBATCH -p compute" in (slurm / "script").read_text("utf-8")
    finally:
        cluster.communicate("\n", timeout=60)
