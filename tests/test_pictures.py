"""Pictures of tensor networks: what is drawn is what there is, labels keep clear of each other, files are whole."""

from __future__ import annotations

import itertools
import json
import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

import seprank as sr
from seprank.cli import app
from seprank.tensornet import Picture, draw, minimal_cut, mps, network
from seprank.tensornet.pictures.scene import STYLES

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
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


def root(shown: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(shown.svg())


def of_class(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in svg.iter() if name in element.get("class", "").split()]


def points(line: ElementTree.Element) -> list[Point]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.get("points", "").split())]


def meet(first: ElementTree.Element, second: ElementTree.Element) -> bool:
    """Whether two lines along the axes have a point in common."""
    (a, b), (c, d) = (
        ((min(xs), max(xs)), (min(ys), max(ys))) for xs, ys in (zip(*points(x), strict=True) for x in (first, second))
    )
    return a[0] <= c[1] and c[0] <= a[1] and b[0] <= d[1] and d[0] <= b[1]


def crossed(svg: ElementTree.Element) -> set[str]:
    """The bonds that the line of the cut has a point in common with."""
    strokes = [line for line in of_class(svg, "cut") if "data-legend" not in line.attrib]
    bonds = [line for line in of_class(svg, "bond") if "data-legend" not in line.attrib]
    return {bond.get("id", "") for bond in bonds for stroke in strokes if meet(bond, stroke)}


# What is drawn


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "length"), [(2, 4), (2, 6), (3, 4), (3, 5), (1, 4)])
def test_a_network_has_one_element_per_tensor_and_bond(depth: int, length: int) -> None:
    tensors = network(sr.RAC(4, 3, depth), length).tensors
    svg = root(picture("copies", depth, length))
    names = [element.get("id") for element in of_class(svg, "tensor")]
    assert len(names) == tensors.num_tensors
    assert sorted(names) == sorted(tag for tensor in tensors for tag in tensor.tags if re.search(r"-r\d+$", tag))
    bonds = [line for line in of_class(svg, "bond") if "data-legend" not in line.attrib]
    assert {bond.get("id"): bond.get("data-dimension") for bond in bonds} == {
        index: str(tensors.ind_size(index)) for index in tensors.ind_map
    }
    assert len(of_class(svg, "token")) == len(tensors.outer_inds())
    every = [element.get("id") for element in svg.iter() if element.get("id")]
    assert len(every) == len(set(every))


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "length"), [(2, 6), (3, 4)])
def test_tensors_have_the_colour_of_their_side(depth: int, length: int) -> None:
    tensors = network(sr.RAC(4, 3, depth), length).tensors
    side = {tag: {*tensor.tags} & {"start", "end"} for tensor in tensors for tag in tensor.tags if "-r" in tag}
    drawn = of_class(root(picture("copies", depth, length)), "tensor")
    assert {element.get("id", ""): {*element.get("class", "").split()} - {"tensor"} for element in drawn} == side


def test_time_runs_to_the_right_and_layers_upwards() -> None:
    for kind in ("copies", "folded"):
        places = {}
        for element in of_class(root(picture(kind, 3, 4)), "tensor"):
            if element.tag == f"{SVG}circle":
                layer, step, row = map(int, re.findall(r"\d+", element.get("id", "")))
                places[layer, step, row] = (float(element.get("cx", "")), float(element.get("cy", "")))
        for (layer, step, _), (x, _) in places.items():
            assert {x} == {x2 for (_, step2, _), (x2, _) in places.items() if step2 == step}, (layer, step)
            assert all(x2 > x for (_, step2, _), (x2, _) in places.items() if step2 > step)
        top = min(y for _, y in places.values())
        assert {key[0] for key, (_, y) in places.items() if y == top} == {3}


def test_a_chain_has_one_element_per_site() -> None:
    state = mps(sr.RAC(4, 3), 6)
    svg = root(picture("chain", 1, 6))
    assert len(of_class(svg, "tensor")) == state.num_tensors == 6
    bonds = {line.get("id"): line.get("data-dimension") for line in of_class(svg, "bond") if line.get("id")}
    assert bonds == {f"bond-{n}": "3" for n in range(1, 6)} | {f"leg-{n}": "4" for n in range(1, 7)}
    assert crossed(svg) == {"bond-3"}
    assert crossed(root(picture("chain", 1, 6, width=70))) == {"leg-4", "leg-5", "leg-6"} or crossed(
        root(picture("chain", 1, 6, width=70))
    ) == {"leg-1", "leg-2", "leg-3"}


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_folded_picture_counts_what_it_folds(depth: int) -> None:
    found = network(sr.RAC(4, 3, depth), 6)
    svg = root(picture("folded", depth, 6))
    for element in of_class(svg, "tensor"):
        name = element.get("id", "").rpartition("-r")[0]
        copies = sum(any(tag.startswith(f"{name}-r") for tag in tensor.tags) for tensor in found.tensors)
        title = element.find(f"{SVG}title")
        assert title is not None
        assert copies > 0
        assert title.text is not None
        assert title.text.endswith(f": {copies:,} copies")
    copies_of_bonds = [int(line.get("data-copies", "0")) for line in of_class(svg, "bond")]
    assert sum(copies_of_bonds) == len(found.unrolling.bonds)


def test_a_recurrence_has_a_state_for_each_layer_and_step() -> None:
    svg = root(picture("recurrence", 3, 4))
    names = {element.get("id") for element in of_class(svg, "state")}
    assert names == {f"state-l{layer}-t{step}" for layer in (1, 2, 3) for step in (1, 2, 3, 4)}
    arrows = [line for line in of_class(svg, "bond") if line.get("id")]
    assert len(arrows) == 2 * 3 * 4 + 4  # in time, from below, and out of the top layer
    assert len(of_class(svg, "token")) == 4


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
    svg = root(shown)
    assert crossed(svg) == between == set(shown.scene.crossed)
    product = 3 ** len(between)
    [label] = of_class(svg, "cut-word")
    assert label.text is not None
    assert label.text.endswith(f"{product:,}")
    lines = [line for line in of_class(svg, "cut") if "data-legend" not in line.attrib]
    assert len(lines) == 1


@pytest.mark.parametrize("inputs", [2, 3, 4])
@pytest.mark.parametrize(
    ("width", "depth", "length"), [(3, 2, 4), (3, 2, 6), (5, 2, 7), (3, 3, 4), (3, 3, 5), (9, 3, 4), (50, 1, 5)]
)
def test_the_line_crosses_the_minimal_cut(inputs: int, width: int, depth: int, length: int) -> None:
    found = minimal_cut(sr.RAC(inputs, width, depth), length)
    svg = root(picture("copies", depth, length, "minimal", inputs, width))
    assert crossed(svg) == {bond.name for bond in found.bonds}
    [label] = of_class(svg, "cut-word")
    assert label.text is not None
    assert label.text.endswith(f"{found.value:,}")
    marks = [mark for mark in svg.iter() if mark.get("id") and mark.tag in (f"{SVG}circle", f"{SVG}polygon")]
    for stroke in of_class(svg, "cut"):
        assert not [mark.get("id") for mark in marks if overlap(box_of(stroke), box_of(mark), 0)]


@by_line
@pytest.mark.parametrize(
    ("depth", "length", "inputs"), [(1, 6, 4), (2, 6, 2), (3, 6, 4), (3, 8, 2), (3, 8, 4), (2, 20, 4)]
)
def test_the_line_through_a_folded_picture(depth: int, length: int, inputs: int, line: str) -> None:
    shown = picture("folded", depth, length, line, inputs)
    assert shown.cut is not None
    svg = root(shown)
    assert crossed(svg) == set(shown.scene.crossed)
    bonds = {bond.get("id"): bond for bond in of_class(svg, "bond")}
    copies = sum(int(bonds[name].get("data-copies", "")) for name in crossed(svg))
    expected = len(shown.cut.bonds) if line == "minimal" else sum(count.copies for count in shown.cut.layers)
    assert copies >= expected
    assert line == "minimal" or copies == expected
    [label] = of_class(svg, "cut-word")
    assert label.text is not None
    assert label.text.endswith(f"{shown.cut.value if line == 'minimal' else shown.cut.copies:,}")


def test_both_counts_stand_under_the_picture() -> None:
    text = " ".join(element.text or "" for element in of_class(root(picture("copies", 2, 6)), "word"))
    text = text.replace("\N{NO-BREAK SPACE}", " ")
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


def text_box(element: ElementTree.Element) -> Box:
    style = STYLES[element.get("class", "")]
    left, low, right, high = extents(element.text or "", float(style.size), style.bold)
    x, y = float(element.get("x", "")), float(element.get("y", ""))
    x -= (right - left) * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor", "")]
    return (x, y - high, x + right - left, y - low)


def box_of(element: ElementTree.Element) -> Box:
    """What a mark or line covers."""
    if element.tag == f"{SVG}circle":
        x, y, r = (float(element.get(name, "")) for name in ("cx", "cy", "r"))
        return (x - r, y - r, x + r, y + r)
    xs, ys = zip(*points(element), strict=True)
    return (min(xs), min(ys), max(xs), max(ys))


def overlap(first: Box, second: Box, space: float) -> bool:
    return all(first[axis] < second[axis + 2] + space and second[axis] < first[axis + 2] + space for axis in (0, 1))


@pytest.mark.slow
@by_line
@by_kind
def test_labels_do_not_collide(kind: str, depth: int, length: int, line: str) -> None:
    for inputs, width in ((4, 3), (2, 3), (16, 12)):
        svg = root(picture(kind, depth, length, line, inputs, width))
        labels = [(element.text, text_box(element)) for element in svg.iter(f"{SVG}text")]
        for (first, box), (second, other) in itertools.combinations(labels, 2):
            assert not overlap(box, other, 1), (first, second)
        marks = [box_of(e) for e in svg.iter() if e.tag in (f"{SVG}circle", f"{SVG}polygon")]
        strokes = [e for e in svg.iter(f"{SVG}polyline") if e.get("class") != "side" and "data-legend" not in e.attrib]
        lines = [box_of(e) for e in strokes]
        size = (0, 0, float(svg.get("width", "")), float(svg.get("height", "")))
        for text, box in labels:
            assert contains(size, box), text
            # A label in a mark lies on its line as well, but in front of it.
            within = [mark for mark in marks if contains(mark, box)]
            clear = marks if not within else [mark for mark in marks if not overlap(mark, within[0], 0)]
            assert not [other for other in (clear if within else [*marks, *lines]) if overlap(box, other, 0.5)], text


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
        for side in ("page", "start-side", "end-side"):
            assert contrast(STYLES[words].fill, STYLES[side].fill) > 4.5, (words, side)


# Files


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_files_of_every_kind(kind: str, tmp_path: Path) -> None:
    shown = picture(kind, 1 if kind == "chain" else 2, 6)
    svg, png, html = (shown.save(tmp_path / f"net{suffix}") for suffix in (".svg", ".png", ".html"))
    assert svg.read_text("utf-8") == shown.svg()
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (wide, high) == pytest.approx((2 * shown.scene.width, 2 * shown.scene.height), abs=2)
    page = html.read_text("utf-8")
    assert shown.svg() in page
    assert not re.search(r"(src|href)=|url\(", page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.html", "net.png", "net.svg"]


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
    assert len(of_class(root(shown), "tensor")) < 100
    total = sum(math.comb(30 + j - 1, j) for j in range(3))
    [label] = of_class(root(shown), "cut-word")
    assert label.text is not None
    assert label.text.startswith("cut: 3" + str(total).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")))


# The command


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(app, ["draw", *arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.stderr
    return result.stdout, result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("what", ["rac", "recurrence"])
@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
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
        (["rac", "--out", "net.pdf"], "a file ending in .svg, .png, .html, got 'net.pdf'"),
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
sys.argv = ["seprank", "draw", "rac", "--out", {out!r}]
from seprank.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "suffix", "purpose"),
    [("quimb", ".svg", "drawing tensor networks"), ("matplotlib", ".png", "a picture as PNG")],
)
def test_without_the_extra_the_command_says_what_to_install(
    package: str, suffix: str, purpose: str, tmp_path: Path
) -> None:
    program = BLOCKED.format(package=package, out=str(tmp_path / f"net{suffix}"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"seprank: {purpose} needs {package}: pip install 'seprank[tn]'"
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
