"""Calls to models: found by what they ask, limited, counted, priced, and traced."""
