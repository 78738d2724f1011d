"""Molecules in three dimensions: from noise, to a property, around a scaffold, and as conformers."""
