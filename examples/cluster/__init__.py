"""The whole installation on one machine, and what it does when parts of it die: ``make cluster``."""
