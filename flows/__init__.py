"""What an engine past one machine runs, and what the clock starts."""
