"""``python -m api`` is ``onboard``."""

from api.cli import main

main()
