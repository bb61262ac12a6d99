"""What drives a network in training: data, its own output, or a mixture."""

from dataclasses import dataclass

import tensorflow as tf

from mflib import checks


@dataclass(frozen=True)
class TeacherForcing:
    r"""Teacher forcing: the input is data at every step. Other kinds mix in the network's output.

    The input is :math:`u_t = \alpha_t x_t + (1-\alpha_t)\, y_{t-1}`. In the burn-in of a window
    it is always data, so that the state is one in which the loop may be closed.
    """

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor | None:
        r"""Shares of data :math:`\alpha_t`.

        Args:
            time: Steps of a window after its burn-in.
            done (tf.Tensor, scalar): How much of the training is over, from 0 to 1.
            seed (2,): For kinds that draw lots.

        Returns:
            tf.Tensor or None, shape (time,): None if it is all data.
        """
        return None


@dataclass(frozen=True)
class FreeRunning(TeacherForcing):
    """Data first, then the closed loop, over a number of steps that grows in training.

    Attributes:
        longest: Steps of the closed loop at the end of training; at the start it is 0.

    References:
        Teutsch and Mäder (2022), arXiv:2210.08959, for curricula of growing length.
    """

    longest: int

    def __post_init__(self) -> None:
        checks.count("longest", self.longest, least=0)

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """1, and 0 over the last ``done * longest`` steps."""
        own = tf.cast(done * (self.longest + 1), tf.int32)
        return tf.cast(tf.range(time) < time - own, done.dtype)


@dataclass(frozen=True)
class ScheduledSampling(TeacherForcing):
    r"""Scheduled sampling: data or the last output, by lot, data less and less often.

    The chance of data is :math:`1 / (1 + e^{(d - 1/2)/w})`, with the share :math:`d` of training
    that is over. The lot is drawn for all windows of a step together.

    Attributes:
        width: w; small for a sudden change in the middle of training.

    References:
        Bengio, Vinyals, Jaitly and Shazeer (2015), Scheduled sampling for sequence prediction with
        recurrent neural networks, Advances in Neural Information Processing Systems 28.
    """

    width: float = 0.1

    def __post_init__(self) -> None:
        checks.real("width", self.width, above=0)

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Zeros and ones, drawn anew in every step."""
        chance = tf.sigmoid((0.5 - done) / self.width)
        return tf.cast(tf.random.stateless_uniform((time,), seed) < chance, done.dtype)


@dataclass(frozen=True)
class SparseTeacherForcing(TeacherForcing):
    """Sparse teacher forcing: data once in a while, the network's own output in between.

    Attributes:
        every: Steps from one sample of data to the next. 1 is teacher forcing.

    References:
        Mikhaeil, Monfared and Durstewitz (2022), arXiv:2110.07238. There an LSTM has no input in
        between and its state is reset at the samples; here its output is fed back, as in the closed
        loop, and a sample replaces one output.
    """

    every: int

    def __post_init__(self) -> None:
        checks.count("every", self.every)

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """1 at every so many steps, 0 in between."""
        return tf.cast(tf.range(1, time + 1) % self.every == 0, done.dtype)


@dataclass(frozen=True)
class InputMixing(TeacherForcing):
    """The same mixture of data and the network's own output at every step.

    Attributes:
        first, last: Share of data at the start and at the end of training, from 0 to 1; between
            them it changes linearly.

    References:
        Inspired by generalised teacher forcing, but not the same: Hess, Brenner, Monfared and
        Durstewitz (2023), Generalized teacher forcing for learning chaotic dynamics, International
        Conference on Machine Learning, mix the state; here it is the input.
    """

    first: float
    last: float

    def __post_init__(self) -> None:
        checks.real("first", self.first, least=0)
        checks.real("last", self.last, least=0)

    def shares(self, time: int, done: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The same share at all steps."""
        return tf.fill((time,), self.first + done * (self.last - self.first))
