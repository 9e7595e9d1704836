"""The flow, the verbs and the wiring."""

import checkpoints as checkpoints  # first: it puts LangGraph's deserialiser in strict mode before LangGraph is imported
