"""Slow, obvious definitions in Python integers."""

import hashlib
import itertools
import math
import operator
import random
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

# Bounds (test_theory.py): a monomial is a tuple of exponents, a polynomial a dictionary from monomials to integers.

PRIME_OF_BOUNDS = 2**31 - 1
Polynomial = dict[tuple[int, ...], int]


def monomials(variables: int, degree: int) -> list[tuple[int, ...]]:
    """Every way to write the degree as a sum of that many exponents."""
    every = itertools.product(range(degree + 1), repeat=variables)
    return [exponents for exponents in every if sum(exponents) == degree]


def polynomial_sum(polynomials: list[Polynomial]) -> Polynomial:
    total: Polynomial = {}
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            total[monomial] = (total.get(monomial, 0) + coefficient) % PRIME_OF_BOUNDS
    return total


def polynomial_product(left: Polynomial, right: Polynomial) -> Polynomial:
    return polynomial_sum(
        [
            {tuple(a + b for a, b in zip(first, second, strict=True)): x * y % PRIME_OF_BOUNDS}
            for (first, x), (second, y) in itertools.product(left.items(), right.items())
        ]
    )


def first_end_step(width: int, depth: int, channels: int, seed: int) -> list[Polynomial]:
    """Generators of the ideal of the layered bound: one top unit after one step, for each basis vector of the inputs.

    The variables are the states of the layers below the top, after their state weights; all weights are random.
    """
    draw = random.Random(seed)
    inputs = [[draw.randrange(PRIME_OF_BOUNDS) for _ in range(width)] for _ in range(channels)]
    weights = [[[draw.randrange(PRIME_OF_BOUNDS) for _ in range(width)] for _ in range(width)] for _ in range(1, depth)]
    count = width * (depth - 1)
    one = (0,) * count
    states = [{tuple(int(i == j) for j in range(count)): 1} for i in range(count)]
    generators = []
    for vector in inputs:
        below = [{one: entry} for entry in vector]
        for layer, matrix in enumerate(weights):
            above = states[layer * width : (layer + 1) * width]
            below = [polynomial_product(*pair) for pair in zip(above, below, strict=True)]
            below = [
                polynomial_sum([polynomial_product({one: w}, p) for w, p in zip(row, below, strict=True)])
                for row in matrix
            ]
        generators.append(below[0])
    return generators


def ideal_rows(generators: list[Polynomial], width: int, degrees: list[int]) -> list[list[int]]:
    """Rows that span the part of an ideal whose degree in each group of `width` variables is given.

    Every generator has degree 1 in every group; a column stands for a monomial.
    """

    def all_of(degrees: list[int]) -> list[tuple[int, ...]]:
        groups = itertools.product(*(monomials(width, degree) for degree in degrees))
        return [tuple(itertools.chain(*group)) for group in groups]

    columns = {monomial: column for column, monomial in enumerate(all_of(degrees))}
    rows = []
    for generator in generators:
        for factor in all_of([degree - 1 for degree in degrees]):
            row = [0] * len(columns)
            for monomial, coefficient in polynomial_product({factor: 1}, generator).items():
                row[columns[monomial]] = coefficient
            rows.append(row)
    return rows


def multiplicative_start_end(
    inputs: int,
    width: int,
    depth: int,
    start: int,
    end: int,
    *,
    domain: str,
    samples: int,
    seed: int,
    readout: str | int = "random",
    templates: list[list[int]] | None = None,
) -> list[list[int]]:
    """The Start-End matrix of a multiplicative circuit with random weights, from its definition, modulo a prime.

    Args:
        inputs: numbers per input vector.
        domain: "functional", or "tokens" for words over the templates, by default the unit vectors.
        readout: "random", the number of a channel, or "all" for a column of each channel.
    """
    draw = random.Random(seed)

    def vector(size: int) -> list[int]:
        return [draw.randrange(1, PRIME_OF_BOUNDS) for _ in range(size)]

    def halves(steps: int) -> list[list[list[int]]]:
        if domain == "functional":
            return [[vector(inputs) for _ in range(steps)] for _ in range(samples)]
        tokens = templates or [[int(i == j) for j in range(inputs)] for i in range(inputs)]
        words = list(itertools.product(tokens, repeat=steps))
        return [list(word) for word in draw.sample(words, min(samples, len(words)))]

    def apply(matrix: list[list[int]], values: list[int]) -> list[int]:
        return [sum(map(operator.mul, row, values)) % PRIME_OF_BOUNDS for row in matrix]

    hidden = [[vector(width) for _ in range(width)] for _ in range(depth)]
    incoming = [[vector(width if layer else inputs) for _ in range(width)] for layer in range(depth)]
    read_out, initial = vector(width), [vector(width) for _ in range(depth)]

    def run(states: list[list[int]], sequence: list[list[int]]) -> list[list[int]]:
        for below in sequence:
            new = []
            for state, own, other in zip(states, hidden, incoming, strict=True):
                below = [a * b % PRIME_OF_BOUNDS for a, b in zip(apply(own, state), apply(other, below), strict=True)]
                new.append(below)
            states = new
        return states

    unit = [[int(i == j) for j in range(width)] for i in range(width)]
    rows = unit if readout == "all" else [unit[readout] if isinstance(readout, int) else read_out]
    starts, ends = [run(initial, s) for s in halves(start)], halves(end)
    return [[value for e in ends for value in apply(rows, run(state, e)[-1])] for state in starts]


# The prime field and the recurrent arithmetic circuit (test_field.py, test_rac.py).

Integers = npt.NDArray[np.object_]
"""Python integers or fractions of any size, in an array"""


def balanced(number: int | Fraction, p: int) -> int:
    """The residue of a whole number or a fraction modulo p, the nearest to zero."""
    fraction = Fraction(number)
    inverse = pow(fraction.denominator, p - 2, p)
    assert inverse * fraction.denominator % p == 1
    residue = fraction.numerator * inverse % p
    return residue if 2 * residue < p else residue - p


def whole_numbers(values: npt.ArrayLike) -> Integers:
    """An array of floats or integers that are whole numbers, as Python integers."""
    array = np.asarray(values)
    assert np.array_equal(array, np.rint(array))
    return array.astype(np.int64).astype(object)


def convolution(
    sequences: Integers,
    taps: Integers,
    bias: Integers | None = None,
    *,
    stride: int = 1,
    left: int = 0,
    right: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Integers:
    """conv1d by its sum: sequences (batch, channels, time), taps (outputs, channels / groups, taps)."""
    batch, channels, time = sequences.shape
    outputs, shared, width = taps.shape
    steps = (time + left + right - dilation * (width - 1) - 1) // stride + 1
    result = np.zeros((batch, outputs, steps), dtype=object)
    for b, o, t, c, k in itertools.product(range(batch), range(outputs), range(steps), range(shared), range(width)):
        at = t * stride + k * dilation - left
        if 0 <= at < time:
            channel = o // (outputs // groups) * (channels // groups) + c
            result[b, o, t] += taps[o, c, k] * sequences[b, channel, at]
    return result if bias is None else result + bias[None, :, None]


def scattered(target: Integers, dim: int, index: Integers, source: Integers, *, add: bool) -> Integers:
    """target.scatter(dim, index, source), or scatter_add, entry by entry."""
    result = target.copy()
    for place in np.ndindex(*index.shape):
        to = (*place[:dim], index[place], *place[dim + 1 :])
        result[to] = result[to] + source[place] if add else source[place]
    return result


WORD = 2**64


def philox_block(counter: int, key: int) -> list[int]:
    """Four words of Philox4x64-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3")."""
    words = [counter >> 64 * i & WORD - 1 for i in range(4)]
    keys = [key >> 64 * i & WORD - 1 for i in range(2)]
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [
            second // WORD ^ words[1] ^ keys[0],
            second % WORD,
            first // WORD ^ words[3] ^ keys[1],
            first % WORD,
        ]
        keys = [(keys[0] + 0x9E3779B97F4A7C15) % WORD, (keys[1] + 0xBB67AE8584CAA73B) % WORD]
    return words


def stream(seed: int, name: str, count: int) -> list[int]:
    """The first words of the named stream: keyed by a hash, counted from one."""
    key = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:16], "little")
    blocks = (philox_block(counter, key) for counter in itertools.count(1))
    return list(itertools.islice(itertools.chain.from_iterable(blocks), count))


def rac_states(weights: list[tuple[Integers, Integers]], inputs: Integers, initial: Integers) -> Integers:
    """All states of a recurrent arithmetic circuit: h(t, l) = (W_H h(t-1, l)) * (W_I h(t, l-1)), h(t, 0) = x(t).

    Args:
        weights: W_I and W_H of each layer.
        inputs: one sequence (time, features).
        initial: the states before the first step (layers, width).

    Returns:
        (time, layers, width)
    """
    states, every = list(initial), []
    for step in inputs:
        below = step
        for layer, (from_below, own) in enumerate(weights):
            states[layer] = below = (own @ states[layer]) * (from_below @ below)
        every.append(list(states))
    return np.array(every, dtype=object)


# Elimination (test_elimination.py): a matrix is a list of rows.


def echelon_mod(matrix: list[list[int]], prime: int) -> tuple[list[list[int]], int]:
    """Rows in echelon form modulo a prime, the rows of zeros last, and the sign of the row swaps."""
    rows, rank, sign = [[entry % prime for entry in row] for row in matrix], 0, 1
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((number for number in range(rank, len(rows)) if rows[number][column]), None)
        if pivot is None:
            continue
        if pivot != rank:
            rows[rank], rows[pivot], sign = rows[pivot], rows[rank], -sign
        for number in range(rank + 1, len(rows)):
            factor = rows[number][column] * pow(rows[rank][column], -1, prime)
            rows[number] = [(a - factor * b) % prime for a, b in zip(rows[number], rows[rank], strict=True)]
        rank += 1
    return rows, sign


def rank_mod(matrix: list[list[int]], prime: int) -> int:
    return sum(any(row) for row in echelon_mod(matrix, prime)[0])


def det_mod(matrix: list[list[int]], prime: int) -> int:
    rows, product = echelon_mod(matrix, prime)
    for number, row in enumerate(rows):
        product = product * row[number] % prime
    return product % prime


# The model zoo (test_models.py): each layer from its equations, over a whole sequence, modulo a prime.
#
# A layer gets its weights by name, the inputs of all steps, its states before the first, and the prime; it returns
# the outputs of all steps and its states after the last.

Layer = Callable[[dict[str, Integers], list[Integers], list[Integers], int], tuple[list[Integers], list[Integers]]]


def one_state(step: Callable[[dict[str, Integers], Integers, Integers], Integers]) -> Layer:
    """A layer whose output is its only state."""

    def layer(
        weights: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
    ) -> tuple[list[Integers], list[Integers]]:
        hs = [states[0]]
        for x in xs:
            hs.append(step(weights, x, hs[-1]) % p)
        return hs[1:], [hs[-1]]

    return layer


@one_state
def rac(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    return (w["weight_hh"] @ h) * (w["weight_ih"] @ x)


@one_state
def elman(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    return w["weight_ih"] @ x + w["weight_hh"] @ h + w["bias_ih"] + w["bias_hh"]


@one_state
def mi_rnn(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    """Entry by entry, the product by all pairs (j, k)."""
    result = w["bias"].copy()
    for i in range(len(h)):
        for j, k in itertools.product(range(len(h)), range(len(x))):
            result[i] += w["alpha"][i] * w["weight_hh"][i, j] * h[j] * w["weight_ih"][i, k] * x[k]
        result[i] += w["beta_1"][i] * sum(w["weight_hh"][i, j] * h[j] for j in range(len(h)))
        result[i] += w["beta_2"][i] * sum(w["weight_ih"][i, k] * x[k] for k in range(len(x)))
    return result


def second_order_step(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    units, features = range(len(h)), range(len(x))
    new = [sum(w["weight"][i, j, k] * h[j] * x[k] for j in units for k in features) for i in units]
    return np.array(new, dtype=object)


second_order = one_state(second_order_step)


@one_state
def cp_rnn(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    """By its tensor, the sum over f of C_if U_fj V_fk."""
    factors = zip(w["weight_out"].T, w["weight_hh"], w["weight_ih"], strict=True)
    tensor = sum(np.multiply.outer(np.multiply.outer(c, u), v) for c, u, v in factors)
    return second_order_step({"weight": tensor}, x, h)


def affine(w: dict[str, Integers], place: int, units: int, x: Integers, h: Integers) -> tuple[Integers, Integers]:
    """The part from the input and the part from the state of one of the gates that share a matrix."""
    rows = slice(place * units, (place + 1) * units)
    return w["weight_ih"][rows] @ x + w["bias_ih"][rows], w["weight_hh"][rows] @ h + w["bias_hh"][rows]


def arithmetic_lstm(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    h, c = states
    outputs = []
    for x in xs:
        i, f, g, o = (sum(affine(w, place, len(h), x, h)) % p for place in range(4))
        c = (f * c + i * g) % p
        h = (o * c) % p
        outputs.append(h)
    return outputs, [h, c]


@one_state
def arithmetic_gru(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    (r, r_), (z, z_), (n, n_) = (affine(w, place, len(h), x, h) for place in range(3))
    candidate = n + (r + r_) * n_
    return candidate + (z + z_) * (h - candidate)


def linear_attention(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By attention: y_t is S_0 q_t and the sum over s up to t of v_s <k_s, q_t>."""
    queries, keys, values = ([w[f"weight_{name}"] @ x % p for x in xs] for name in "qkv")
    outputs = []
    for t, query in enumerate(queries):
        seen = sum(values[s] * (keys[s] @ query) for s in range(t + 1))
        outputs.append((states[0] @ query + seen) % p)
    return outputs, [(states[0] + sum(np.multiply.outer(v, k) for v, k in zip(values, keys, strict=True))) % p]


def delta_rule(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the products of matrices S (1 - beta k k^T) + beta v k^T."""
    memory, outputs = states[0], []
    for x in xs:
        q, k, v = (w[f"weight_{name}"] @ x % p for name in "qkv")
        beta = (w["weight_beta"] @ x + w["bias_beta"])[0]
        keep = np.eye(len(k), dtype=object) - beta * np.multiply.outer(k, k)
        memory = (memory @ keep + beta * np.multiply.outer(v, k)) % p
        outputs.append(memory @ q % p)
    return outputs, [memory]


def diagonal_ssm(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the sum over time: h_t is a^t h_0 and the sum over s up to t of a^(t - s) B x_s."""
    hidden = []
    for t in range(1, len(xs) + 1):
        past = sum(w["decay"] ** (t - s) * (w["weight_in"] @ xs[s - 1]) for s in range(1, t + 1))
        hidden.append((w["decay"] ** t * states[0] + past) % p)
    return [w["weight_out"] @ h % p for h in hidden], [hidden[-1]]


def selective_ssm(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the sum over time: what is added at s is multiplied by all decays after s."""
    decays = [(w["weight_decay"] @ x + w["bias_decay"]) % p for x in xs]
    added = [states[0], *((w["weight_in"] @ x + w["bias_in"]) % p for x in xs)]
    hidden = []
    for t in range(1, len(xs) + 1):
        terms = [added[s] * math.prod(decays[s:t]) for s in range(t + 1)]
        hidden.append(sum(terms) % p)
    return [w["weight_out"] @ h % p for h in hidden], [hidden[-1]]


@one_state
def min_gru(w: dict[str, Integers], x: Integers, h: Integers) -> Integers:
    update = w["weight_update"] @ x + w["bias_update"]
    return h + update * (w["weight_in"] @ x + w["bias_in"] - h)


def faded_sums(added: list[Integers], factors: list[Integers], p: int) -> list[Integers]:
    """What is kept after each step: the sum of all that was added up to it, times all factors of later steps."""
    return [
        sum(one * math.prod(factors[s:t]) for s, one in enumerate(added[: t + 1])) % p
        for t in range(1, len(factors) + 1)
    ]


def affine_maps(w: dict[str, Integers], xs: list[Integers], p: int, *names: str) -> list[list[Integers]]:
    """W x + b at all steps for each of the names; without a bias where there is none."""
    return [[(w[f"weight_{name}"] @ x + w.get(f"bias_{name}", 0)) % p for x in xs] for name in names]


def min_lstm(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    keep, take, new = affine_maps(w, xs, p, "forget", "input", "in")
    hidden = faded_sums([states[0], *(i * n for i, n in zip(take, new, strict=True))], keep, p)
    return hidden, [hidden[-1]]


def gla(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the sum over time: what key and value add is multiplied, column by column, by all gates after it."""
    q, k, v, keep, gate = affine_maps(w, xs, p, "q", "k", "v", "forget", "gate")
    added = [np.multiply.outer(b, a) for a, b in zip(k, v, strict=True)]
    memories = faded_sums([states[0], *added], [factor[None, :] for factor in keep], p)
    seen = [r * (s @ a) for r, s, a in zip(gate, memories, q, strict=True)]
    return [w["weight_out"] @ y % p for y in seen], [memories[-1]]


def mlstm(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By attention: the score of a step is <k_s, q_t> times its input gate and all later forget gates."""
    q, k, v, out, take, keep = affine_maps(w, xs, p, "q", "k", "v", "out", "input", "forget")
    outputs = []
    for t, query in enumerate(q):
        seen = states[0] @ query * math.prod(int(f[0]) for f in keep[: t + 1])
        for s in range(t + 1):
            score = (k[s] @ query) * int(take[s][0]) * math.prod(int(f[0]) for f in keep[s + 1 : t + 1])
            seen = seen + v[s] * score
        outputs.append(out[t] * seen % p)
    added = [i[0] * np.multiply.outer(b, a) for i, a, b in zip(take, k, v, strict=True)]
    return outputs, [faded_sums([states[0], *added], [f[0] for f in keep], p)[-1]]


def gated_delta_net(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the products of matrices S alpha (1 - beta k k^T) + beta v k^T."""
    memory, outputs = states[0], []
    for q, k, v, gate, keep, beta in zip(*affine_maps(w, xs, p, "q", "k", "v", "gate", "forget", "beta"), strict=True):
        change = np.eye(len(k), dtype=object) - beta[0] * np.multiply.outer(k, k)
        memory = (memory @ (keep[0] * change) + beta[0] * np.multiply.outer(v, k)) % p
        outputs.append(w["weight_out"] @ (gate * (memory @ q)) % p)
    return outputs, [memory]


def complex_times(a: tuple[Integers, Integers], b: tuple[Integers, Integers]) -> tuple[Integers, Integers]:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def turned_sums(
    added: list[tuple[Integers, Integers]], turn: tuple[Integers, Integers], keep: list[Integers], p: int
) -> list[tuple[Integers, Integers]]:
    """As `faded_sums`, of complex numbers that are also multiplied by a constant at each step."""
    powers = [(turn[0] ** 0, 0 * turn[1])]
    for _ in keep:
        product = complex_times(powers[-1], turn)
        powers.append((product[0] % p, product[1] % p))
    sums = []
    for t in range(1, len(keep) + 1):
        terms = [complex_times(one, powers[t - s]) for s, one in enumerate(added[: t + 1])]
        factors = [math.prod(keep[s:t]) for s in range(t + 1)]
        sums.append(tuple(sum(f * term[part] for f, term in zip(factors, terms, strict=True)) % p for part in (0, 1)))
    return sums  # type: ignore[return-value]


def hgrn(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the sum over time: what is added at s is multiplied by all gates after it and turned once a step."""
    keep, real, imag, gate = affine_maps(w, xs, p, "forget", "real", "imag", "gate")
    new = [((1 - f) * a, (1 - f) * b) for f, a, b in zip(keep, real, imag, strict=True)]
    hidden = turned_sums([(states[0], states[1]), *new], (w["turn_real"], w["turn_imag"]), keep, p)
    both = [g * np.concatenate(h) for g, h in zip(gate, hidden, strict=True)]
    return [(w["weight_out"] @ y + w["bias_out"]) % p for y in both], list(hidden[-1])


def lru(
    w: dict[str, Integers], xs: list[Integers], states: list[Integers], p: int
) -> tuple[list[Integers], list[Integers]]:
    """By the sum over time with powers of the eigenvalues."""
    new = [tuple(w["gamma"] * (w[f"weight_in_{part}"] @ x) for part in ("real", "imag")) for x in xs]
    nothing = [np.array([1], dtype=object)] * len(xs)
    hidden = turned_sums([(states[0], states[1]), *new], (w["decay_real"], w["decay_imag"]), nothing, p)  # type: ignore[list-item]
    seen = [w["weight_out_real"] @ h[0] - w["weight_out_imag"] @ h[1] for h in hidden]
    return [(y + w["weight_skip"] @ x) % p for y, x in zip(seen, xs, strict=True)], list(hidden[-1])


def run_layers(
    layer: Layer, weights: list[dict[str, Integers]], xs: list[Integers], states: list[list[Integers]], p: int
) -> tuple[list[Integers], list[list[Integers]]]:
    """Layers on top of each other: the outputs of the top one, and the last states of all."""
    last = []
    for w, before in zip(weights, states, strict=True):
        xs, after = layer(w, xs, before, p)
        last.append(after)
    return xs, last


def start_end(
    layer: Layer,
    weights: list[dict[str, Integers]],
    states: list[list[Integers]],
    *,
    start: int,
    end: int,
    inputs: int,
    p: int,
    samples: tuple[int, int],
    seed: int,
) -> list[list[int]]:
    """The Start-End matrix of one random read-out over random vectors, modulo a prime."""
    draw = random.Random(seed)

    def vector(size: int) -> Integers:
        return np.array([draw.randrange(p) for _ in range(size)], dtype=object)

    starts, ends = (
        [[vector(inputs) for _ in range(n)] for _ in range(k)] for n, k in zip((start, end), samples, strict=True)
    )
    between = [run_layers(layer, weights, s, states, p)[1] for s in starts]
    read_out: Integers | None = None
    matrix = []
    for reached in between:
        outputs = [run_layers(layer, weights, e, reached, p)[0][-1] for e in ends]
        read_out = vector(len(outputs[0])) if read_out is None else read_out
        matrix.append([int(read_out @ y) % p for y in outputs])
    return matrix


# Memory curves (test_memory_curve.py): every sequence by itself, no states, no blocks.


def memory_by_definition(
    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    lag: int,
) -> tuple[float, float]:
    """Memory and joint share at a lag.

    Args:
        function: from one sequence (steps, features) to its output (channels,).
        first, second: pairs of sequences, (pairs, steps, features).
        lag: steps in the end.
    """
    near = far = jointly = 0.0
    for x, other in zip(first, second, strict=True):
        a, d = function(x), function(other)
        b = function(np.concatenate([other[:-lag], x[-lag:]]))
        c = function(np.concatenate([x[:-lag], other[-lag:]]))
        for i in range(len(a)):
            near += (a[i] - b[i]) ** 2 + (c[i] - d[i]) ** 2
            far += (a[i] - d[i]) ** 2 + (b[i] - c[i]) ** 2
            jointly += (a[i] - b[i] - c[i] + d[i]) ** 2
    return near / far, jointly / far


def influence_by_definition(
    function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    step: int,
) -> float:
    """Share of the variance that depends on the input so many steps back, 0 being the last."""
    changed = variance = 0.0
    for x, other in zip(first, second, strict=True):
        a, d = function(x), function(other)
        for y, own, foreign in ((a, x, other), (d, other, x)):
            mixed = own.copy()
            mixed[len(own) - 1 - step] = foreign[len(own) - 1 - step]
            changed += float(((y - function(mixed)) ** 2).sum())
        variance += 2 * float(((a - d) ** 2).sum())
    return changed / variance


def attention(
    w: list[dict[str, Integers]], embedding: Integers, sequence: Integers, heads: int, causal: bool
) -> Integers:
    """Self-attention without softmax by its definition, position by position and head by head: (time, units)."""
    hidden = [embedding @ x for x in sequence]
    units = len(embedding) // heads
    for layer in w:
        outputs = []
        for i, own in enumerate(hidden):
            output = 0 * own
            for head in (slice(h * units, (h + 1) * units) for h in range(heads)):
                for other in hidden[: i + 1] if causal else hidden:
                    score = (layer["weight_q"][head] @ own) @ (layer["weight_k"][head] @ other)
                    output = output + layer["weight_out"][:, head] @ (layer["weight_v"][head] @ other) * score
            if "weight_gate" in layer:
                product = (layer["weight_gate"] @ output) * (layer["weight_value"] @ output)
                output = layer["weight_product"] @ product
            outputs.append(output)
        hidden = outputs
    return np.array(hidden, dtype=object)
