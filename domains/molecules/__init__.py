"""Molecules in three dimensions: from noise, to a property, around a scaffold, and as conformers."""

from difusa.domains.molecules.domain import DOMAIN

__all__ = ["DOMAIN"]
