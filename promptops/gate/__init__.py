"""The gate: rules, evidence, bounds, and one verdict."""
