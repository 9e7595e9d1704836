"""A mail server in a process of its own, with its own log: every letter it accepted, by Message-ID.

How it behaves stands in the table ``manner`` of its log, read at every letter: ``ok``; ``later`` (451 at DATA);
``busy`` (421 at once); ``refuse`` (550 for the recipient); ``cut`` (accepts the letter, then drops the connection
without an answer); ``slow`` (accepts after a second). Down is simply: not running.
"""

import argparse
import asyncio
import email
import email.policy
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (id INTEGER PRIMARY KEY, at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
  message_id TEXT, recipient TEXT, subject TEXT, body TEXT, sha256 TEXT, manner TEXT);
CREATE TABLE IF NOT EXISTS manner (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, left_over INTEGER);
"""


def log(path: Path) -> sqlite3.Connection:
    """The server's log; tests read it and write manners into it."""
    db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.executescript(SCHEMA)
    return db


class Handler:
    """Answers as the manner says."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def manner(self) -> str:
        row = self.db.execute("SELECT id, kind FROM manner ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return "ok"
        self.db.execute("UPDATE manner SET left_over = left_over - 1 WHERE id = ?", (row["id"],))
        self.db.execute("DELETE FROM manner WHERE left_over <= 0")
        return str(row["kind"])

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        session.manner = self.manner()
        if session.manner == "refuse":
            return "550 no such user"
        if session.manner == "busy":
            return "421 too busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if session.manner == "later":
            return "451 try again later"
        if session.manner == "slow":
            await asyncio.sleep(1)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        plain = message.get_body(("plain",))
        self.db.execute(
            "INSERT INTO letter (message_id, recipient, subject, body, sha256, manner) VALUES (?, ?, ?, ?, ?, ?)",
            (
                message["Message-ID"],
                ",".join(envelope.rcpt_tos),
                message["Subject"],
                plain.get_content() if plain else "",
                hashlib.sha256(envelope.content).hexdigest(),
                session.manner,
            ),
        )
        if session.manner == "cut":
            server.transport.abort()
        return "250 OK"


def main() -> None:
    """``--port`` and ``--db``; serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db", type=Path, required=True)
    asked = parser.parse_args()
    asyncio.run(_serve(asked.port, Handler(log(asked.db))))


async def _serve(port: int, handler: Handler) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", port, reuse_address=True
    )
    print("listening", flush=True)
    await server.serve_forever()
