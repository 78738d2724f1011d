"""Forensics: is it generated? Pictures, scans, molecules and crystals, each with an answer that includes "unsure"."""
