"""Runs made again from what is stored, proved, and recorded for others."""
