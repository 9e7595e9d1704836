"""Reach: one outside source a module; vendor exceptions never leave it."""
