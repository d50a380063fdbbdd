"""Evaluation sets: read, chosen from, compared with their past, added to, and valued."""
