"""Pictures of tensor networks: what is drawn is what there is, labels keep clear of each other, files are whole."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

import seprank as sr
from seprank.cli import app
from seprank.tensornet import Picture, draw, minimal_cut, mps, network
from seprank.tensornet.pictures.canvas import draw_scene
from seprank.tensornet.pictures.folded import folded_bonds, shown_times
from seprank.tensornet.pictures.scene import STYLES, Element, Line, Mark, Scene, Words
from seprank.tensornet.unrolling import unroll

SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]

KINDS = ["chain", "copies", "folded", "recurrence"]
SHOWN = [
    *(("chain", 1, length) for length in (4, 6, 8)),
    *(("copies", depth, length) for depth, length in [(1, 4), (2, 4), (2, 6), (2, 7), (2, 8), (3, 4)]),
    *(("folded", depth, length) for depth in (1, 2, 3) for length in (4, 5, 6, 7, 8)),
    *(("recurrence", depth, length) for depth in (1, 2, 3) for length in (4, 6, 8)),
]
by_kind = pytest.mark.parametrize(("kind", "depth", "length"), SHOWN)
by_line = pytest.mark.parametrize("line", ["states", "minimal"])


@cache
def picture(kind: str, depth: int, length: int, line: str = "states", inputs: int = 4, width: int = 3) -> Picture:
    sizes = {"inputs": inputs, "width": width, "depth": depth, "length": length}
    if kind == "recurrence":
        return draw(**sizes, kind="recurrence")
    found = draw(**sizes, line=line, style="auto" if kind == "chain" else kind)
    assert found.style == kind
    return found


def lines(scene: Scene, style: str) -> list[Line]:
    return [element for element in scene.elements if isinstance(element, Line) and element.style == style]


def marks(scene: Scene, *kinds: str) -> list[Mark]:
    return [element for element in scene.elements if isinstance(element, Mark) and element.kind in kinds]


def words(scene: Scene, style: str) -> list[str]:
    return [element.text for element in scene.elements if isinstance(element, Words) and element.style == style]


def meet(first: Line, second: Line) -> bool:
    """Whether two lines along the axes have a point in common."""
    (a, b), (c, d) = (
        ((min(xs), max(xs)), (min(ys), max(ys))) for xs, ys in (zip(*x.points, strict=True) for x in (first, second))
    )
    return a[0] <= c[1] and c[0] <= a[1] and b[0] <= d[1] and d[0] <= b[1]


def crossed(scene: Scene) -> set[str]:
    """The bonds that the line of the cut has a point in common with."""
    return {bond.name for bond in lines(scene, "bond") for stroke in lines(scene, "cut") if meet(bond, stroke)}


# What is drawn


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "length"), [(2, 4), (2, 6), (3, 4), (3, 5), (1, 4)])
def test_a_network_has_one_element_per_tensor_and_bond(depth: int, length: int) -> None:
    tensors = network(sr.RAC(4, 3, depth), length).tensors
    scene = picture("copies", depth, length).scene
    names = [mark.name for mark in marks(scene, "tensor")]
    assert len(names) == tensors.num_tensors
    assert sorted(names) == sorted(tag for tensor in tensors for tag in tensor.tags if re.search(r"-r\d+$", tag))
    assert sorted(bond.name for bond in lines(scene, "bond")) == sorted(tensors.ind_map)
    assert Counter(words(scene, "dimension")) == Counter(str(tensors.ind_size(index)) for index in tensors.ind_map)
    assert len(marks(scene, "token")) == len(tensors.outer_inds())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_has_each_element_once(kind: str) -> None:
    shown = picture(kind, 1 if kind == "chain" else 2, 6)
    found = [element.get("id") for element in ElementTree.fromstring(shown.svg()).iter() if element.get("id")]
    named = [e.name for e in shown.scene.elements if isinstance(e, Line | Mark) and e.name]
    assert sorted(name for name in found if name in set(named)) == sorted(named)
    assert len(named) == len(set(named))


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "length"), [(2, 6), (3, 4)])
def test_tensors_have_the_colour_of_their_side(depth: int, length: int) -> None:
    tensors = network(sr.RAC(4, 3, depth), length).tensors
    side = {tag: {*tensor.tags} & {"start", "end"} for tensor in tensors for tag in tensor.tags if "-r" in tag}
    assert {mark.name: {mark.style} for mark in marks(picture("copies", depth, length).scene, "tensor")} == side


def test_time_runs_to_the_right_and_layers_upwards() -> None:
    for kind in ("copies", "folded"):
        places = {}
        for mark in marks(picture(kind, 3, 4).scene, "tensor"):
            if mark.shape == "circle":
                layer, step, row = map(int, re.findall(r"\d+", mark.name))
                places[layer, step, row] = mark.centre
        for (layer, step, _), (x, _) in places.items():
            assert {x} == {x2 for (_, step2, _), (x2, _) in places.items() if step2 == step}, (layer, step)
            assert all(x2 > x for (_, step2, _), (x2, _) in places.items() if step2 > step)
        top = min(y for _, y in places.values())
        assert {key[0] for key, (_, y) in places.items() if y == top} == {3}


def test_a_chain_has_one_element_per_site() -> None:
    state = mps(sr.RAC(4, 3), 6)
    scene = picture("chain", 1, 6).scene
    assert len(marks(scene, "tensor")) == state.num_tensors == 6
    named = {f"bond-{n}" for n in range(1, 6)} | {f"leg-{n}" for n in range(1, 7)}
    assert {line.name for line in lines(scene, "bond")} == named
    sizes = [state.bond_size(n, n + 1) for n in range(5)] + [state.phys_dim(n) for n in range(6)]
    assert Counter(words(scene, "dimension")) == Counter(map(str, sizes))
    assert crossed(scene) == {"bond-3"}
    legs = crossed(picture("chain", 1, 6, width=70).scene)
    assert legs in ({"leg-4", "leg-5", "leg-6"}, {"leg-1", "leg-2", "leg-3"})


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_folded_picture_counts_what_it_folds(depth: int) -> None:
    shown = picture("folded", depth, 6)
    unrolling = unroll(shown.sizes)
    copies = Counter((node.kind, node.layer, node.time) for node in unrolling.nodes)
    marked = {tuple(mark.name.split("-")[:3]) for mark in marks(shown.scene, "tensor", "token")}
    assert marked == {(kind, f"l{layer}", f"t{time}") for kind, layer, time in copies}
    counted = [number for (kind, _, _), number in copies.items() if kind in ("delta", "token") and number > 1]
    assert Counter(words(shown.scene, "count")) == Counter(f"×{number:,}" for number in counted)
    bonds = folded_bonds(shown.sizes, shown_times(shown.sizes))
    assert sum(bonds.values()) == len(unrolling.bonds)


def test_a_recurrence_has_a_state_for_each_layer_and_step() -> None:
    scene = picture("recurrence", 3, 4).scene
    names = {mark.name for mark in marks(scene, "state")}
    assert names == {f"state-l{layer}-t{step}" for layer in (1, 2, 3) for step in (1, 2, 3, 4)}
    assert len(lines(scene, "bond")) == 2 * 3 * 4 + 4  # in time, from below, and out of the top layer
    assert len(marks(scene, "token")) == 4


# The line of the cut


@pytest.mark.parametrize(("depth", "length"), [(1, 4), (2, 4), (2, 6), (2, 8), (3, 4), (3, 5)])
def test_the_line_crosses_the_copies_between_start_and_end(depth: int, length: int) -> None:
    tensors = network(sr.RAC(4, 3, depth), length).tensors
    between = {
        index
        for index, places in tensors.ind_map.items()
        if {tag for place in places for tag in tensors.tensor_map[place].tags} >= {"start", "end"}
    }
    shown = picture("copies", depth, length)
    assert crossed(shown.scene) == between == set(shown.scene.crossed)
    product = 3 ** len(between)
    [label] = words(shown.scene, "cut-word")
    assert label.endswith(f"{product:,}")
    assert len(lines(shown.scene, "cut")) == 1


@pytest.mark.parametrize("inputs", [2, 3, 4])
@pytest.mark.parametrize(
    ("width", "depth", "length"), [(3, 2, 4), (3, 2, 6), (5, 2, 7), (3, 3, 4), (3, 3, 5), (9, 3, 4), (50, 1, 5)]
)
def test_the_line_crosses_the_minimal_cut(inputs: int, width: int, depth: int, length: int) -> None:
    found = minimal_cut(sr.RAC(inputs, width, depth), length)
    scene = picture("copies", depth, length, "minimal", inputs, width).scene
    assert crossed(scene) == {bond.name for bond in found.bonds}
    [label] = words(scene, "cut-word")
    assert label.endswith(f"{found.value:,}")
    for stroke in lines(scene, "cut"):
        found_marks = marks(scene, "tensor", "token")
        assert not [mark.name for mark in found_marks if overlap(box_of(stroke), box_of(mark), 0)]


@by_line
@pytest.mark.parametrize(
    ("depth", "length", "inputs"), [(1, 6, 4), (2, 6, 2), (3, 6, 4), (3, 8, 2), (3, 8, 4), (2, 20, 4)]
)
def test_the_line_through_a_folded_picture(depth: int, length: int, inputs: int, line: str) -> None:
    shown = picture("folded", depth, length, line, inputs)
    assert shown.cut is not None
    assert crossed(shown.scene) == set(shown.scene.crossed)
    bonds = {bond.name: copies for bond, copies in folded_bonds(shown.sizes, shown_times(shown.sizes)).items()}
    copies = sum(bonds[name] for name in crossed(shown.scene))
    expected = len(shown.cut.bonds) if line == "minimal" else sum(count.copies for count in shown.cut.layers)
    assert copies >= expected
    assert line == "minimal" or copies == expected
    [label] = words(shown.scene, "cut-word")
    assert label.endswith(f"{shown.cut.value if line == 'minimal' else shown.cut.copies:,}")


def test_both_counts_stand_under_the_picture() -> None:
    text = " ".join(element.text or "" for element in ElementTree.fromstring(picture("copies", 2, 6).svg()).iter())
    text = " ".join(text.split())
    assert "1 of layer 2, 3 of layer 1" in text
    assert "3⁴ = 81" in text
    assert "3 · ((3; 3)) = 3 · 10 = 30, the state bound" in text


# Legibility


@cache
def extents(text: str, size: float, bold: bool) -> Box:
    """What a text covers, upwards, in the font of the PNG; most that browsers take are narrower."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    left, low, right, high = TextPath((0, 0), text, size=size, prop=font).get_extents().extents
    return float(left), float(low), float(right), float(high)


def text_box(element: Words) -> Box:
    style = STYLES[element.style]
    left, low, right, high = extents(element.text, float(style.size), style.bold)
    x, y = element.at
    x -= (right - left) * {"start": 0, "middle": 0.5, "end": 1}[element.anchor]
    return (x, y - high, x + right - left, y - low)


def box_of(element: Element) -> Box:
    """What a mark or line covers."""
    if isinstance(element, Mark):
        (x, y), r = element.centre, element.radius
        return (x - r, y - r, x + r, y + r)
    assert isinstance(element, Line)
    xs, ys = zip(*element.points, strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def overlap(first: Box, second: Box, space: float) -> bool:
    return all(first[axis] < second[axis + 2] + space and second[axis] < first[axis + 2] + space for axis in (0, 1))


@pytest.mark.slow
@by_line
@by_kind
def test_labels_do_not_collide(kind: str, depth: int, length: int, line: str) -> None:
    for inputs, width in ((4, 3), (2, 3), (16, 12)):
        scene = picture(kind, depth, length, line, inputs, width).scene
        labels = [(element.text, text_box(element)) for element in scene.elements if isinstance(element, Words)]
        for (first, box), (second, other) in itertools.combinations(labels, 2):
            assert not overlap(box, other, 1), (first, second)
        covered = [box_of(e) for e in scene.elements if isinstance(e, Mark)]
        strokes = [box_of(e) for e in scene.elements if isinstance(e, Line) and not e.style.endswith("side")]
        for text, box in labels:
            assert contains((0, 0, scene.width, scene.height), box), text
            # A label in a mark lies on its line as well, but in front of it.
            within = [mark for mark in covered if contains(mark, box)]
            clear = covered if not within else [mark for mark in covered if not overlap(mark, within[0], 0)]
            assert not [o for o in (clear if within else [*covered, *strokes]) if overlap(box, o, 0.5)], text


@by_kind
def test_heading_legend_and_notes_have_room_of_their_own(kind: str, depth: int, length: int) -> None:
    scene = picture(kind, depth, length).scene
    figure = draw_scene(scene)
    [axes] = figure.axes
    legend = axes.get_legend().get_window_extent()
    notes = [text for text in axes.texts if text.get_zorder() > len(scene.elements) and text.get_text() != scene.title]
    assert " ".join(text.get_text() for text in notes).split() == " ".join(scene.notes).split()
    boxes = [text.get_window_extent() for text in notes]
    low, high = (axes.transData.transform((0, y))[1] for y in (scene.height, 48))
    [heading] = [text.get_window_extent() for text in axes.texts if text.get_text() == scene.title]
    assert heading.y0 > high
    assert low > legend.y1
    assert legend.y0 > max(box.y1 for box in boxes)
    assert all(below.y1 < above.y0 for above, below in itertools.pairwise(boxes))
    for box in [legend, heading, *boxes]:
        assert contains((0, 0, *figure.bbox.size), (box.x0, box.y0, box.x1, box.y1))
    assert len(axes.get_legend().get_texts()) == len(scene.items)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_picture_has_no_heading_legend_or_notes(kind: str) -> None:
    scene = picture(kind, 1 if kind == "chain" else 2, 6).scene
    figure = draw_scene(scene, bare=True)
    [axes] = figure.axes
    assert axes.get_legend() is None
    assert sorted(text.get_text() for text in axes.texts) == sorted(
        element.text for element in scene.elements if isinstance(element, Words)
    )
    width, height = figure.get_size_inches()
    assert (100 * width, 100 * height) == pytest.approx((scene.width, scene.height - 20))


def contains(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inner[2] <= outer[2] and inner[3] <= outer[3]


def test_sides_differ_in_brightness_as_well_as_in_colour() -> None:
    """Relative luminance as the web's contrast guidelines define it; 3 is asked for between neighbouring shapes."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(first: str, second: str) -> float:
        low, high = sorted((luminance(first), luminance(second)))
        return (high + 0.05) / (low + 0.05)

    assert contrast(STYLES["start"].fill, STYLES["end"].fill) > 3
    assert contrast(STYLES["end"].stroke, STYLES["end-side"].fill) > 3
    assert contrast(STYLES["cut"].stroke, STYLES["end-side"].fill) > 3
    for words in ("word", "small", "dimension", "note", "start-word", "end-word", "cut-word"):
        for side in ("#FFFFFF", STYLES["start-side"].fill, STYLES["end-side"].fill):
            assert contrast(STYLES[words].fill, side) > 4.5, (words, side)


# Files


@pytest.mark.slow
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_files_of_every_kind(kind: str, bare: bool, tmp_path: Path) -> None:
    shown = picture(kind, 1 if kind == "chain" else 2, 6)
    suffixes = (".svg", ".png", ".pdf", ".html")
    svg, png, pdf, html = (shown.save(tmp_path / f"net{suffix}", bare=bare) for suffix in suffixes)
    assert svg.read_text("utf-8") == shown.svg(bare=bare)
    root = ElementTree.fromstring(svg.read_text("utf-8"))
    from matplotlib.image import imread

    pixels = imread(png)
    inches = [float(root.get(name, "").removesuffix("pt")) / 72 for name in ("height", "width")]
    assert pixels.shape[:2] == pytest.approx([200 * length for length in inches], abs=2)
    drawn = np.abs(pixels[:, :, :3] - 1).sum(2) > 0.1
    assert 0.2 < drawn.mean() < 0.9  # there is something, and it is not all there is
    assert pdf.read_bytes()[:5] == b"%PDF-"
    page = html.read_text("utf-8")
    assert svg.read_text("utf-8").partition("<svg")[2] in page
    assert not re.search(r'src=|href="http|url\(h', page)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"net{suffix}" for suffix in suffixes)
    text = "".join(root.itertext())
    assert (shown.scene.items[0].text in text) == (not bare)


def test_a_picture_is_the_same_each_time() -> None:
    again = draw(inputs=4, width=3, depth=2, length=6)
    assert again.svg() == picture("copies", 2, 6).svg()


@pytest.mark.parametrize(
    ("sizes", "style"),
    [((1, 15), "chain"), ((1, 16), "folded"), ((2, 14), "copies"), ((2, 15), "folded"), ((3, 5), "folded")],
)
def test_large_networks_are_folded(sizes: tuple[int, int], style: str) -> None:
    assert draw(inputs=2, width=2, depth=sizes[0], length=sizes[1]).style == style


def test_a_network_too_large_for_its_minimal_cut_is_drawn_without() -> None:
    shown = draw(inputs=4, width=3, depth=3, length=60)
    assert shown.cut is None
    assert "minimal cut not looked for" in str(shown)
    assert len(marks(shown.scene, "tensor")) < 100
    total = sum(math.comb(30 + j - 1, j) for j in range(3))
    [label] = words(shown.scene, "cut-word")
    assert label.startswith("cut: 3" + str(total).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")))


# The command


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["draw", *arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("what", ["rac", "recurrence"])
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".html"])
def test_the_command_draws(what: str, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"picture{suffix}"
    said, _ = run(what, "--depth", "2", "--length", "6", "--out", str(file))
    assert file.stat().st_size > 3000
    assert f"picture: {file}" in said
    if what == "rac":
        assert "minimal cut          3^4 = 81   4 bonds" in said
        assert re.search(r"together +81 +30 ", said)


def test_the_command_answers_in_json(tmp_path: Path) -> None:
    said, _ = run("rac", "--inputs", "2", "--out", str(tmp_path / "net.svg"), "--json")
    content = json.loads(said)
    assert content["style"] == "copies"
    assert content["settings"] == {"inputs": 2, "width": 3, "depth": 2, "length": 6, "cut": 3}
    found = content["minimal_cut"]
    assert (found["value"], found["copies"], found["state_bound"], len(found["bonds"])) == (54, 81, 30, 4)


def test_without_a_name_it_writes_below_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("recurrence")
    assert (tmp_path / "runs" / "recurrence.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["lstm"], "what to draw must be rac or recurrence, got 'lstm'"),
        (["rac", "--out", "net.gif"], "a file ending in .svg, .png, .pdf, .html, got 'net.gif'"),
        (["rac", "--depth", "0"], "depth must be at least 1, got 0; use 1 or more"),
        (["rac", "--length", "1"], "length must be at least 2 to be cut, got 1"),
        (["rac", "--cut", "6"], "cut must be between 1 and length - 1 = 5, got 6"),
        (["rac", "--style", "fold"], "style must be one of auto, copies, folded, got 'fold'"),
        (["rac", "--line", "least"], "line must be one of states, minimal, got 'least'"),
        (["rac", "--style", "copies", "--length", "200"], "at most 3,000 are drawn one by one"),
        (["rac", "--line", "minimal", "--depth", "3", "--length", "60"], "tensors, more than 20,000"),
        (["rac", "--depth", "3", "--length", "1000"], "use a smaller length or depth"),
        (["rac", "--depth", "1000000000", "--length", "1000000000"], "at most 100 layers"),
        (["recurrence", "--length", "1000000000"], "would be unreadable"),
    ],
)
def test_the_command_refuses_in_one_message(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said, refused = run(*arguments, code=2)
    assert said == ""
    assert text in refused
    assert list(tmp_path.iterdir()) == []


BLOCKED = """
import sys
sys.modules[{package!r}] = None
sys.argv = ["seprank", "draw", {what!r}, "--bare", "--out", {out!r}]
from seprank.cli import main
main()
"""


def run_without(package: str, what: str, out: Path) -> subprocess.CompletedProcess[str]:
    program = BLOCKED.format(package=package, what=what, out=str(out))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["rac", "recurrence"])
def test_drawing_needs_no_quimb(what: str, tmp_path: Path) -> None:
    done = run_without("quimb", what, tmp_path / "net.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "net.pdf").exists()


def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    done = run_without("matplotlib", "recurrence", tmp_path / "net.svg")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "seprank: drawing needs matplotlib: pip install 'seprank[draw]'"
    assert list(tmp_path.iterdir()) == []


# The page

PAGE = (Path(__file__).parents[1] / "docs" / "pictures.md").read_text("utf-8")
COMMANDS = re.findall(r"^seprank (draw .*)$", PAGE, flags=re.MULTILINE)


def test_every_image_of_the_page_has_its_command() -> None:
    assert re.findall(r"\{image\} pictures/(\S+)", PAGE) == [command.split()[-1] for command in COMMANDS]
    assert PAGE.count(":alt:") == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[-1])
def test_the_commands_of_the_page_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said, _ = run(*command.split()[1:])
    file = command.split()[-1]
    assert (tmp_path / file).exists()
    if file == "copies.svg":
        assert said.replace(f"picture: {file}\n", "") in PAGE


@pytest.mark.slow
def test_the_program_of_the_page_runs() -> None:
    [program] = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    sizes = {"inputs": 4, "width": 3, "depth": 2, "length": 6}
    assert "The certified rank of this network is 30." in PAGE
    assert sr.certify(sr.RAC(4, 3, 2), length=6, progress=False).rank == sr.upper_bound(**sizes).value == 30
