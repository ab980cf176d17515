"""Random numbers that depend on nothing but (seed, clip index, how many were drawn before).

A counter-based hash instead of a generator with state: clip 7 is the same clip alone, in any batch, in
any order, on any device.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_MASK = (1 << 64) - 1


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _shift(x: Tensor, bits: int) -> Tensor:
    """Logical right shift; torch's own keeps the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014), in wrapping int64 arithmetic."""
    x = (x ^ _shift(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shift(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shift(x, 31)


class Dice:
    """Draws one number per clip for each call; `indices` is int64 `b`."""

    def __init__(self, indices: Tensor, *, seed: int) -> None:
        self._state = _mix(indices * _signed(0x9E3779B97F4A7C15) + _signed(seed * 0xD1342543DE82EF95 + 1))
        self._drawn = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """One float32 per clip in [low, high), shape `b`."""
        self._drawn += 1
        bits = _mix(self._state + _signed(self._drawn * 0x9E3779B97F4A7C15))
        return _shift(bits, 40).float() / (1 << 24) * (high - low) + low

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """`count` numbers per clip, `b count`."""
        numbers = torch.arange(self._drawn + 1, self._drawn + count + 1, device=self._state.device)
        self._drawn += count
        bits = _mix(self._state[:, None] + numbers * _signed(0x9E3779B97F4A7C15))
        return _shift(bits, 40).float() / (1 << 24) * (high - low) + low

    def choice(self, count: int) -> Tensor:
        """One int64 per clip in [0, count), shape `b`."""
        return (self.uniform() * count).long().clamp_max(count - 1)

    def phase(self) -> Tensor:
        """One angle per clip in [0, 2π), shape `b`."""
        return self.uniform(0.0, 2 * math.pi)

    def chance(self, probability: float) -> Tensor:
        """One bool per clip, shape `b`."""
        return self.uniform() < probability

    def fork(self) -> Dice:
        """Dice of the same clips with numbers of their own; a fork of a fork is the same every time."""
        other = Dice.__new__(Dice)
        other._state, other._drawn = _mix(self._state ^ _signed((self._drawn + 1) * 0xA24BAED4963EE407)), 0
        return other

    def only(self, clips: Tensor) -> Dice:
        """Dice of some of the clips (indices, `m`) that go on with the numbers that theirs would show."""
        other = Dice.__new__(Dice)
        other._state, other._drawn = self._state[clips], self._drawn
        return other
