"""Difusa: diffusion applications for science, medicine and heritage on one shared core."""

__version__ = "0.1.0"
