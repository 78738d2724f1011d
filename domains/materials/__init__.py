"""Crystals: from noise, of a given composition, and to a property or range, with or without a space group."""

from difusa.domains.materials.domain import DOMAIN

__all__ = ["DOMAIN"]
