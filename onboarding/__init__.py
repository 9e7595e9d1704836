"""The business: values and rules. Knows no framework."""
