"""Columns as they are written."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["u1", "u2", "u4", "i8", "f8"]


class PackedInts(msgspec.Struct, array_like=True, frozen=True):
    """Whole numbers as differences from `base`."""

    base: int
    kind: Kind
    data: bytes


class PackedFloats(msgspec.Struct, array_like=True, frozen=True):
    """Numbers; `u1` where all are whole and small, such as a column of 0 and 1."""

    kind: Kind
    data: bytes


class PackedTexts(msgspec.Struct, array_like=True, frozen=True):
    """Each distinct text once, and per row its place, -1 where there is none."""

    values: tuple[str, ...]
    codes: PackedInts
