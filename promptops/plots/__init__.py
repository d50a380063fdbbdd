"""Plots as self-contained SVG, without script, font or address."""
