"""Remember: everything durable; all SQL is here and nowhere else."""
