"""How far texts lie apart, and what a set covers of production."""
