"""Remember: everything durable; all SQL is here and nowhere else."""

from checkpoints.strict import ask_for_strict

ask_for_strict()
