"""Answers side by side before a judge: asked in both orders, ranked, and gated."""
