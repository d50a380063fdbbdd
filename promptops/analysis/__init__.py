"""What stored scores say: figures of a run, what changed between two, which of many is best."""
