"""What the product costs, measured beside what a user would pick instead."""

import os

import checkpoints as checkpoints  # first: LangGraph reads its strict mode when it is imported

os.environ.setdefault("LANGSMITH_TRACING", "false")
