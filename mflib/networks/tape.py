"""Computational graphs: a tape records the operations that run on arrays.

An operation on nodes of a :class:`Tape` computes its result with NumPy at once, and leaves on
the tape what it did: its operands, its result, and how it hands an adjoint back. The order in
which operations ran is an order in which the reverse sweep can undo them, so
:meth:`Node.backward` walks the tape from its end. Pictures of tapes are made by
:mod:`mflib.networks.tape_drawing`.

The reverse sweep is due to Linnainmaa (1976), doi:10.1007/BF01931367.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


class Tape:
    """The record of a computation: its nodes, in the order in which they came about.

    Attributes:
        nodes (list of Node): Variables, constants and results.

    Examples:
        >>> tape = Tape()
        >>> x, w = tape.variable("x", 2.0), tape.variable("w", [0.5, -1.0])
        >>> loss = total(square(w * x))
        >>> loss.backward()
        >>> w.adjoint
        array([ 4., -8.])
        >>> [node.operation for node in tape.nodes]
        ['variable', 'variable', 'multiply', 'square', 'total']
    """

    def __init__(self):
        self.nodes: list[Node] = []
        self._groups: tuple[str, ...] = ()

    def variable(self, name: str, value: npt.ArrayLike) -> Node:
        """A named array that the computation starts from.

        Args:
            name: As it is set in a formula, ``"W_{xh}"``.
            value: Finite real numbers, at most two axes; kept in double precision.
        """
        node = self._constant(value)
        node.operation, node.name = "variable", name
        return node

    @contextmanager
    def group(self, name: str) -> Iterator[None]:
        """Say that what is recorded inside belongs together; groups may be nested."""
        outer, self._groups = self._groups, (*self._groups, name)
        try:
            yield
        finally:
            self._groups = outer

    def record(
        self,
        operation: str,
        value: npt.ArrayLike,
        operands: Sequence[Node] = (),
        pullback: Callable | None = None,
    ) -> Node:
        """Append a result.

        Args:
            pullback: From the adjoint of the result to one share for each operand: the adjoint
                times the local derivative. A share may have the shape to which the operand was
                broadcast.
        """
        node = Node(self, operation, np.asarray(value), tuple(operands), pullback, self._groups)
        self.nodes.append(node)
        return node

    def _constant(self, value: npt.ArrayLike) -> Node:
        array = np.array(value)
        if array.dtype.kind not in "fiu" or array.ndim > 2 or not np.all(np.isfinite(array)):
            raise ValueError(f"value: got {value!r}, expected finite reals with at most two axes")
        return self.record("constant", array.astype(float))


@dataclass(eq=False, repr=False)
class Node:
    """An array on a tape: a variable, a constant or the result of an operation.

    Nodes are combined with ``+``, ``-``, ``*``, ``@`` and slices, among each other and with
    numbers and arrays, and with the functions of this module.

    Attributes:
        value: Found when the operation ran.
        groups: Outermost first.
        name: For the drawing; empty unless given.
        adjoint: After :meth:`backward`: the derivative of the end by this value, in the same shape.
        shares (tuple of numpy.ndarray): After :meth:`backward`: what this operation added to the
            adjoint of each operand.
    """

    tape: Tape
    operation: str
    value: np.ndarray
    operands: tuple[Node, ...] = ()
    pullback: Callable | None = None
    groups: tuple[str, ...] = ()
    name: str = ""
    adjoint: np.ndarray | None = None
    shares: tuple[np.ndarray, ...] = ()

    __array_ufunc__ = None  # an array on the left leaves the operation to the node

    def __repr__(self) -> str:
        return f"Node({self.name or self.operation}, {self.value})"

    def named(self, name: str) -> Node:
        """Give the result a name, as it is set in a formula, and return it."""
        self.name = name
        return self

    def backward(self, seed: npt.ArrayLike | None = None) -> None:
        """Carry the adjoint from this node to everything that it was computed from.

        Args:
            seed: The adjoint to begin with, in the shape of the value; one for a single number.

        Raises:
            ValueError: If the value is not a single number and no seed is given, or the seed does
                not fit.
        """
        if seed is None and self.value.size != 1:
            raise ValueError(
                f"seed: got none for a value of shape {self.value.shape}, expected one"
            )
        seed = np.ones_like(self.value) if seed is None else np.asarray(seed, float)
        if seed.shape != self.value.shape:
            raise ValueError(f"seed: got shape {seed.shape}, expected {self.value.shape}")
        nodes = self.tape.nodes
        for node in nodes:
            node.adjoint, node.shares = np.zeros_like(node.value), ()
        self.adjoint = seed
        for node in reversed(nodes[: nodes.index(self) + 1]):
            shares = node.pullback(node.adjoint) if node.pullback else ()
            for operand, share in zip(node.operands, shares, strict=True):
                node.shares += (_summed_to(operand.value.shape, share),)
                operand.adjoint = operand.adjoint + node.shares[-1]

    def __add__(self, other: Any) -> Node:
        return _binary("add", np.add, self, other, lambda x, y, a: (a, a))

    def __sub__(self, other: Any) -> Node:
        return _binary("subtract", np.subtract, self, other, lambda x, y, a: (a, -a))

    def __mul__(self, other: Any) -> Node:
        return _binary("multiply", np.multiply, self, other, lambda x, y, a: (a * y, a * x))

    def __matmul__(self, other: Any) -> Node:
        return _binary("matmul", np.matmul, self, other, _matmul_pullback)

    def __radd__(self, other: Any) -> Node:
        return self.tape._constant(other) + self

    def __rsub__(self, other: Any) -> Node:
        return self.tape._constant(other) - self

    def __rmul__(self, other: Any) -> Node:
        return self.tape._constant(other) * self

    def __rmatmul__(self, other: Any) -> Node:
        return self.tape._constant(other) @ self

    def __getitem__(self, index: Any) -> Node:
        def pullback(adjoint):
            share = np.zeros_like(self.value)
            np.add.at(share, index, adjoint)
            return (share,)

        return self.tape.record("slice", self.value[index], (self,), pullback)

    def __iter__(self):
        return (self[k] for k in range(len(self.value)))


def tanh(x: Node) -> Node:
    """Hyperbolic tangent."""
    y = np.tanh(x.value)
    return x.tape.record("tanh", y, (x,), lambda adjoint: (adjoint * (1 - y**2),))


def sigmoid(x: Node) -> Node:
    """The logistic function ``1 / (1 + exp(-x))``, the gates' activation."""
    y = (1 + np.tanh(x.value / 2)) / 2
    return x.tape.record("sigmoid", y, (x,), lambda adjoint: (adjoint * y * (1 - y),))


def square(x: Node) -> Node:
    """``x * x``, element by element."""
    return x.tape.record("square", x.value**2, (x,), lambda adjoint: (adjoint * 2 * x.value,))


def total(x: Node) -> Node:
    """The sum of all elements, a single number."""
    return x.tape.record("total", np.sum(x.value), (x,), lambda adjoint: (adjoint + 0 * x.value,))


def _binary(operation: str, function: Callable, x: Node, y: Any, pullback: Callable) -> Node:
    y = y if isinstance(y, Node) else x.tape._constant(y)
    if y.tape is not x.tape:
        raise ValueError(f"{operation}: got nodes of two tapes, expected nodes of one")
    try:
        value = function(x.value, y.value)
    except ValueError as error:
        got = f"got shapes {x.value.shape} and {y.value.shape}"
        raise ValueError(f"{operation}: {got}, expected shapes that fit together") from error
    return x.tape.record(operation, value, (x, y), lambda a: pullback(x.value, y.value, a))


def _matmul_pullback(x, y, adjoint):
    # a vector on the left is a matrix of one row, on the right a matrix of one column
    rows, columns = np.atleast_2d(x), y.reshape(len(y), -1)
    adjoint = adjoint.reshape(len(rows), columns.shape[1])
    return (adjoint @ columns.T).reshape(x.shape), (rows.T @ adjoint).reshape(y.shape)


def _summed_to(shape: tuple[int, ...], share: np.ndarray) -> np.ndarray:
    """A share in the operand's shape: where broadcasting repeated, the derivative adds up."""
    share = share.sum(axis=tuple(range(share.ndim - len(shape))))
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and share.shape[k] != 1)
    return share.sum(axis=repeated, keepdims=True)
