"""Compiled programs, and loops inside them."""

import functools
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf

# What makes loops up to twice as fast: vectors as wide as the processor has them, and loops that
# touch little memory in a turn as one piece of machine code. XLA reads this when it compiles for
# the first time; of a flag given twice the later, the user's own, wins.
FLAGS = (
    "--xla_cpu_prefer_vector_width=512 "
    "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=30000"
)
os.environ["XLA_FLAGS"] = f"{FLAGS} {os.environ.get('XLA_FLAGS', '')}"

P = ParamSpec("P")
T = TypeVar("T")


def jit(function: Callable[P, T], *, whole: bool = True) -> Callable[P, T]:
    """Make a function an XLA program, one for each kind, shape and value of its arguments.

    Networks and tensors stay arguments of the program; plain Python values become part of it.
    If it is not to be compiled as a ``whole``, it becomes a graph of TensorFlow's, in which
    compiled functions that do not need each other run side by side.
    """
    programs = tf.function(function, jit_compile=whole or None, autograph=False)

    @functools.wraps(function)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        # a program asked for by its arguments may be new without a warning of retracing
        program = programs.get_concrete_function(*arguments, **options)
        return program(*arguments, **options)

    return call


def fori_loop(body: Callable[[Any, T], T], carry: T, steps: int, differentiable: bool = False) -> T:
    """``carry = body(k, carry)`` for ``k = 0 .. steps - 1``, as one loop of a compiled program.

    What is to be differentiated needs a bound on its turns, and then counts twice, which a small
    network's loop notices.
    """

    def step(k, carry):
        return k + 1, body(k, carry)

    bound = steps if differentiable else None
    return tf.while_loop(lambda k, _: k < steps, step, (0, carry), maximum_iterations=bound)[1]


def scan(
    step: Callable,
    state: Any,
    steps: int,
    like: Any,
    reverse: bool = False,
    differentiable: bool = False,
) -> tuple:
    """``state, kept = step(k, state)`` by :func:`fori_loop`: the last state, and all that is kept.

    What a step keeps is a tensor of the shape and type of ``like``, a tuple of such, or
    ``()``; over the steps it is stacked along a new first axis. In ``reverse``, k runs down to 0.
    """
    map_all = tf.nest.map_structure
    arrays = map_all(lambda x: tf.TensorArray(x.dtype, steps, element_shape=x.shape), like)

    def body(k, carry):
        k = steps - 1 - k if reverse else k
        state, kept = step(k, carry[0])
        return state, map_all(lambda array, x: array.write(k, x), carry[1], kept)

    state, arrays = fori_loop(body, (state, arrays), steps, differentiable)
    return state, map_all(lambda array: array.stack(), arrays)
