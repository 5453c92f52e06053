"""The long-range demonstration: a source whose structure is known, what is optimal, the report."""
