"""The verbs of a Project, storey upon storey."""
