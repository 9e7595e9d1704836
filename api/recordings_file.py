"""Model answers in a file, JSON lines by request hash: an evaluation that was paid for once is free ever after."""

import json
from pathlib import Path

from pydantic import ValidationError

from onboarding.errors import BadInput
from onboarding.model_call import ModelCall, Reply


class RecordingsFile:
    """Answers read from ``path``; with ``writing`` new ones are added to it. Raises BadInput naming a bad line."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        self._path, self._writing = path, writing
        self._replies: dict[str, Reply] = {}
        self.model: str | None = None
        lines = path.read_text("utf-8").split("\n") if path.exists() else []
        if not lines and not writing:
            raise BadInput(f"{path.name}: there is no such file of recordings.")
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._read(number, line)

    def _read(self, number: int, line: str) -> None:
        try:
            document = json.loads(line)
            self._replies[str(document["request_hash"])] = Reply.from_json(document["reply"])
            self.model = self.model or str(document["model"])
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise BadInput(f"{self._path.name}, line {number}: no recording ({type(error).__name__}).") from error

    def find(self, request_hash: str) -> Reply | None:
        """The recorded answer."""
        return self._replies.get(request_hash)

    def learn(self, call: ModelCall) -> None:
        """Keep what was answered just now."""
        if call.reply is None or call.request_hash in self._replies or not self._writing:
            return
        self._replies[call.request_hash] = call.reply
        kept = call.model_dump(mode="json", include={"request_hash", "model", "prompt_id", "prompt_version", "reply"})
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")
