"""The fault harness: the product in a child process, its services and its mail server in others, and the invariants.

``World`` starts them, speaks to the product over HTTP, kills and restarts it; ``check`` looks into the ledger and into
the others' own logs. ``python -m harness --help`` (with ``tests`` on the path) runs the random campaign alone.
"""
