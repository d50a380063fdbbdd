"""Prompt files, and how they become the messages that are sent."""
