"""Medical: translates scans between contrasts, simulates labelled ones, and says how far to trust it."""

from difusa.domains.medical.domain import DOMAIN

__all__ = ["DOMAIN"]
