"""Judge: one agent a module; what they need from outside is handed in."""
