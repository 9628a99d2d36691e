"""Random polynomial modules: a short program over vectors, run by torch and, independently, in Python integers."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from oracles import rank_mod

Vector = list[int]
Instruction = tuple[str, int, int, int]
"""Operation, and the numbers of the registers it takes"""
INPUT, STATE = 0, 1
OPERATIONS = ("linear", "affine", "affine", "product", "product", "sum", "difference", "constant")


NEWER = ("pool", "pad", "conv", "reduce", "det", "cross", "bag")
"""Of whole sequences; a division, too, where there need be no bounds"""
LINEAR = ("pool", "pad", "conv", "reduce", "bag")


@dataclass(frozen=True)
class Program:
    """One layer: registers 0 (its input) and 1 (its state), and one for each instruction, of which the last is read."""

    inputs: int
    width: int
    instructions: tuple[Instruction, ...]
    carried: int
    """Register that is the next state"""
    memory: str
    """What the matrix state does: "" (there is none), "add" (S + v kᵀ), "erase" (S - (S k) kᵀ + v kᵀ)"""
    pair: tuple[int, int]
    """Registers of v and k"""


def draw_program(draw: random.Random, inputs: int, *, whole: bool, newer: tuple[str, ...] = ()) -> Program:
    """A layer without a state where sequences are `whole`: its instructions then also mix the positions."""
    while True:
        program = _any_program(draw, inputs, whole=whole, newer=newer)
        if _says_something(program, whole=whole):
            return program


def _any_program(draw: random.Random, inputs: int, *, whole: bool, newer: tuple[str, ...]) -> Program:
    width, memory = draw.choice((1, 2, 2)), "" if whole else draw.choice(("", "", "add", "erase"))
    own = ("mix", "mix") if whole else ("read", "read") * bool(memory)
    if newer:
        width, own = 3, (*own, *newer)
    instructions: list[Instruction] = [(draw.choice(("linear", "affine")), INPUT, 0, 0)]
    for _ in range(draw.randint(2, 5)):
        known = range(2 if whole else 1, len(instructions) + 2)
        a, b, c = (draw.choice(known) for _ in range(3))
        instructions.append((draw.choice(OPERATIONS + own), a, b, c))
    known = range(2, len(instructions) + 2)
    if draw.random() < 0.5:
        instructions.append(("sum", len(instructions) + 1, draw.choice(known), 0))  # a skip
    pair = (draw.choice(known), draw.choice(known))
    return Program(inputs, width, tuple(instructions), draw.choice(known), memory, pair)


def _says_something(program: Program, *, whole: bool) -> bool:
    """Whether the output depends on this input and on others, and the state, which it may see, on the input."""
    seen = [{"input"}, {"state"}]
    for operation, a, b, c in program.instructions:
        match operation:
            case "constant":
                seen.append(set())
            case "linear" | "affine":
                seen.append(seen[a])
            case "read":
                seen.append(seen[a] | {"memory"})
            case "mix":
                seen.append(seen[a] | seen[b] | seen[c] | {"state"})
            case _ if operation in LINEAR:
                seen.append(seen[a] | ({"state"} if "input" in seen[a] else set()))
            case _:
                seen.append(seen[a] | seen[b])
    state = "input" in seen[program.carried] and "state" in seen[-1]
    memory = "memory" in seen[-1] and all("input" in seen[n] for n in program.pair)
    return "input" in seen[-1] and ("state" in seen[-1] if whole else state or memory)


class Layer(nn.Module):
    """A program with its parameters, on torch."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        for number, (operation, a, _, _) in enumerate(program.instructions):
            below = program.inputs if a == INPUT else program.width
            if operation in ("linear", "affine"):
                self.register_parameter(f"weight_{number}", nn.Parameter(torch.randn(program.width, below)))
            if operation == "conv":
                self.register_parameter(f"kernel_{number}", nn.Parameter(torch.randn(2)))
            if operation in ("affine", "constant"):
                self.register_parameter(f"bias_{number}", nn.Parameter(torch.randn(program.width)))

    def registers(self, x: Tensor, h: Tensor, memory: Tensor | None) -> list[Tensor]:
        """All registers (..., features): of one step, or of all positions (batch, time, features)."""
        found = [x, h]
        for number, (operation, i, j, k) in enumerate(self.program.instructions):
            a, b, c = found[i], found[j], found[k]
            match operation:
                case "linear":
                    found.append(F.linear(a, getattr(self, f"weight_{number}")))
                case "affine":
                    found.append(F.linear(a, getattr(self, f"weight_{number}"), getattr(self, f"bias_{number}")))
                case "constant":
                    found.append(getattr(self, f"bias_{number}").expand(*x.shape[:-1], -1))
                case "product":
                    found.append(a * b)
                case "sum":
                    found.append(a + b)
                case "difference":
                    found.append(a - 3 * b)
                case "read":
                    assert memory is not None
                    found.append(torch.einsum("bij,bj->bi", memory, a))
                case "mix":
                    found.append(torch.einsum("bif,bjf,bjg->big", a, b, c))
                case _:
                    found.append(newer_on_torch(operation, a, b, getattr(self, f"kernel_{number}", None)))
        return found


def newer_on_torch(operation: str, a: Tensor, b: Tensor, kernel: Tensor | None) -> Tensor:
    """Operations on whole sequences (batch, time, features)."""
    batch, steps, width = a.shape
    places = torch.arange(steps)
    match operation:
        case "pool":
            return F.avg_pool1d(a.mT, 3, 1, 1, count_include_pad=False).mT
        case "pad":
            return F.pad(a.mT, (1, 0), mode="reflect").mT[:, :steps]
        case "conv":
            assert kernel is not None
            padded = F.pad(a, (0, 0, 1, 0))[:, None, :, :, None]
            return F.conv3d(padded, kernel.reshape(1, 1, 2, 1, 1))[:, 0, :, :, 0]
        case "reduce":
            index = (places % 2)[None, :, None].expand(batch, steps, width)
            sums = a.new_zeros(batch, 2, width).scatter_reduce(1, index, a, "sum")
            return sums[:, places % 2]
        case "det":
            return torch.linalg.det(torch.stack([a, b], -2)[..., :2])[..., None].expand(batch, steps, width)
        case "cross":
            return torch.linalg.cross(a, b)
        case "bag":
            first = torch.arange(batch)[:, None] * steps
            pairs = torch.stack([first + places, first + places * 0 + steps - 1], -1).flatten(0, 1)
            return F.embedding_bag(pairs, a.reshape(-1, width), mode="sum").reshape(a.shape)
        case _:
            return a / (1 + b.sum(-1, keepdim=True))


def newer_in_integers(operation: str, a: list[Vector], b: list[Vector], kernel: Vector, p: int) -> list[Vector]:
    """The same on lists of vectors."""
    steps, width = range(len(a)), range(len(a[0]))
    match operation:
        case "pool":
            near = [[s for s in (t - 1, t, t + 1) if s in steps] for t in steps]
            found = [[sum(a[s][i] for s in n) * pow(len(n), -1, p) for i in width] for n in near]
        case "pad":
            found = [a[abs(t - 1)] for t in steps]
        case "conv":
            found = [[kernel[1] * a[t][i] + (kernel[0] * a[t - 1][i] if t else 0) for i in width] for t in steps]
        case "reduce":
            found = [[sum(a[s][i] for s in steps if (s - t) % 2 == 0) for i in width] for t in steps]
        case "det":
            found = [[x[0] * y[1] - x[1] * y[0]] * len(x) for x, y in zip(a, b, strict=True)]
        case "cross":
            turns = ((1, 2), (2, 0), (0, 1))
            found = [[x[i] * y[j] - x[j] * y[i] for i, j in turns] for x, y in zip(a, b, strict=True)]
        case "bag":
            found = [[x + y for x, y in zip(a[t], a[-1], strict=True)] for t in steps]
        case _:
            found = [[v * pow(1 + sum(y), -1, p) for v in x] for x, y in zip(a, b, strict=True)]
    return [[v % p for v in x] for x in found]


class RandomRecurrent(nn.Module):
    """Layers of programs over time in the convention of `nn.RNN`; the states before the first step are parameters."""

    def __init__(self, programs: list[Program]) -> None:
        super().__init__()
        self.input_size = programs[0].inputs
        self.layers = nn.ModuleList(Layer(program) for program in programs)
        self.first = nn.ParameterList(torch.randn(p.width) for p in programs)
        self.memories = nn.ParameterList(torch.randn(p.width, p.width) for p in programs)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        batch = len(x)
        if state is None:
            state = [
                (h.expand(batch, -1), s.expand(batch, -1, -1)) for h, s in zip(self.first, self.memories, strict=True)
            ]
        outputs = []
        for step in x.unbind(1):
            value, after = step, []
            for layer, (h, memory) in zip(self.layers, state, strict=True):
                found = layer.registers(value, h, memory)
                v, k = (found[n] for n in layer.program.pair)
                if layer.program.memory == "erase":
                    v = v - torch.einsum("bij,bj->bi", memory, k)
                if layer.program.memory:
                    memory = memory + torch.einsum("bi,bj->bij", v, k)
                after.append((found[layer.program.carried], memory))
                value = found[-1]
            state = after
            outputs.append(value)
        return torch.stack(outputs, 1), state


class RandomWhole(nn.Module):
    """Layers of programs over whole sequences; all positions are seen."""

    def __init__(self, programs: list[Program]) -> None:
        super().__init__()
        self.input_size = programs[0].inputs
        self.layers = nn.ModuleList(Layer(program) for program in programs)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.registers(x, x, None)[-1]
        return x


# The same in Python integers, modulo a prime. Nothing above is used but the programs.


def dot(a: Vector, b: Vector) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))


class Integers:
    """Modules with random weights modulo a prime, one vector at a time."""

    def __init__(self, programs: list[Program], draw: random.Random, prime: int) -> None:
        self.programs, self.prime = programs, prime
        self.weights: list[dict[tuple[str, int], Any]] = []
        for program in programs:
            own: dict[tuple[str, int], Any] = {}
            for number, (operation, a, _, _) in enumerate(program.instructions):
                below = program.inputs if a == INPUT else program.width
                own["weight", number] = [[draw.randrange(prime) for _ in range(below)] for _ in range(program.width)]
                own["bias", number] = [draw.randrange(prime) for _ in range(program.width)]
                if operation == "conv":
                    own["kernel", number] = [draw.randrange(prime) for _ in range(2)]
            self.weights.append(own)
        self.start = [
            ([draw.randrange(prime) for _ in range(p.width)],
             [[draw.randrange(prime) for _ in range(p.width)] for _ in range(p.width)])
            for p in programs
        ]  # fmt: skip
        self.readout = [draw.randrange(prime) for _ in range(programs[-1].width)]

    def _apply(self, layer: int, number: int, operation: str, a: Vector, b: Vector) -> Vector:
        weight, bias = self.weights[layer]["weight", number], self.weights[layer]["bias", number]
        match operation:
            case "linear":
                found = [dot(row, a) for row in weight]
            case "affine":
                found = [dot(row, a) + c for row, c in zip(weight, bias, strict=True)]
            case "constant":
                found = bias
            case "product":
                found = [x * y for x, y in zip(a, b, strict=True)]
            case "sum":
                found = [x + y for x, y in zip(a, b, strict=True)]
            case _:
                found = [x - 3 * y for x, y in zip(a, b, strict=True)]
        return [x % self.prime for x in found]

    def step(self, x: Vector, state: list[Any]) -> tuple[Vector, list[Any]]:
        """One step of a recurrent module."""
        after: list[Any] = []
        for layer, (program, (h, memory)) in enumerate(zip(self.programs, state, strict=True)):
            found = [x, h]
            for number, (operation, i, j, _) in enumerate(program.instructions):
                if operation == "read":
                    found.append([dot(row, found[i]) % self.prime for row in memory])
                else:
                    found.append(self._apply(layer, number, operation, found[i], found[j]))
            v, k = (found[n] for n in program.pair)
            if program.memory == "erase":
                v = [y - dot(row, k) for y, row in zip(v, memory, strict=True)]
            if program.memory:
                memory = [[(s + y * z) % self.prime for s, z in zip(row, k, strict=True)]
                          for row, y in zip(memory, v, strict=True)]  # fmt: skip
            after.append((found[program.carried], memory))
            x = found[-1]
        return x, after

    def whole(self, sequence: list[Vector]) -> Vector:
        """The last output of a module of whole sequences."""
        for layer, program in enumerate(self.programs):
            found = [sequence, sequence]
            for number, (operation, i, j, k) in enumerate(program.instructions):
                if operation in (*NEWER, "divide"):
                    kernel = self.weights[layer].get(("kernel", number), [])
                    found.append(newer_in_integers(operation, found[i], found[j], kernel, self.prime))
                    continue
                if operation != "mix":
                    second = found[j] if operation in ("product", "sum", "difference") else found[i]
                    pairs = zip(found[i], second, strict=True)
                    found.append([self._apply(layer, number, operation, a, b) for a, b in pairs])
                    continue
                units = range(program.width)
                scores = [[sum(a[f] * b[f] for f in units) for b in found[j]] for a in found[i]]
                found.append([[sum(s * c[g] for s, c in zip(row, found[k], strict=True)) % self.prime for g in units]
                              for row in scores])  # fmt: skip
            sequence = found[-1]
        return sequence[-1]

    def read(self, output: Vector) -> int:
        return dot(self.readout, output) % self.prime

    def rank(self, length: int, starts: list[int], samples: int, draw: random.Random, *, whole: bool) -> int:
        """Of a Start-End matrix of so many random starts and ends."""
        inputs = self.programs[0].inputs
        ends = [t for t in range(length) if t not in starts]
        sides = [
            [[[draw.randrange(self.prime) for _ in range(inputs)] for _ in side] for _ in range(samples)]
            for side in (starts, ends)
        ]
        entries = []
        if whole:
            for s, e in itertools.product(*sides):
                placed = dict(zip([*starts, *ends], [*s, *e], strict=True))
                entries.append(self.read(self.whole([placed[t] for t in range(length)])))
        else:
            for s in sides[0]:
                between = self.start
                for x in s:
                    _, between = self.step(x, between)
                for e in sides[1]:
                    state, y = between, []
                    for x in e:
                        y, state = self.step(x, state)
                    entries.append(self.read(y))
        return rank_mod([entries[i * samples : (i + 1) * samples] for i in range(samples)], self.prime)
