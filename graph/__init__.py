"""The flow, the verbs and the wiring."""
