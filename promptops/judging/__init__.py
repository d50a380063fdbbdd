"""Judges as instruments: certified, corrected, attacked, watched, and told about."""
