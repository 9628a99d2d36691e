"""Slow, obvious definitions in Python integers."""

import itertools
import operator
import random

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
    inputs: int, width: int, depth: int, start: int, end: int, *, domain: str, samples: int, seed: int
) -> list[list[int]]:
    """The Start-End matrix of a multiplicative circuit with random weights, from its definition, modulo a prime."""
    draw = random.Random(seed)

    def vector(size: int) -> list[int]:
        return [draw.randrange(1, PRIME_OF_BOUNDS) for _ in range(size)]

    def halves(steps: int) -> list[list[list[int]]]:
        if domain == "functional":
            return [[vector(inputs) for _ in range(steps)] for _ in range(samples)]
        tokens = [[int(i == j) for j in range(inputs)] for i in range(inputs)]
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

    starts, ends = [run(initial, s) for s in halves(start)], halves(end)
    return [[apply([read_out], run(state, e)[-1])[0] for e in ends] for state in starts]
