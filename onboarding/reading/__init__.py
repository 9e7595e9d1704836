"""Readers: one module per kind of input and per kind of field."""
