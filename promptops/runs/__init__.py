"""Runs: made in parallel, stored as they go, held, left, and taken up again."""
