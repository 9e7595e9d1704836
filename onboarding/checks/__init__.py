"""Rules: one module per subject; facts in, findings out."""
