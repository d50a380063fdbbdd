"""Texts and figures as people see them: bounded, without secrets, and with nothing in them that acts."""
