"""A PostgreSQL proxy that cuts a connection at the worst moment: when a COMMIT is sent, or when its answer comes."""

import socket
import threading
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Cut = Literal["before it arrives", "before it is answered"]


class CuttingProxy:
    """Listens on TCP and passes everything to the server behind ``url`` (a socket directory), until it is armed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}?sslmode=disable"
        self.cuts = 0
        self._armed: tuple[bytes, Cut] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, on: bytes, when: Cut) -> None:
        """Cut the next connection on which the client sends something that contains ``on``."""
        self._armed = (on, when)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            silenced = threading.Event()
            threading.Thread(target=self._to_server, args=(client, server, silenced), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server, silenced), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, silenced: threading.Event) -> None:
        try:
            while data := client.recv(65536):
                armed = self._armed
                if armed is not None and armed[0] in data:
                    self._armed = None
                    self.cuts += 1
                    if armed[1] == "before it arrives":
                        break
                    silenced.set()
                server.sendall(data)
        except OSError:
            pass
        _shut(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, silenced: threading.Event) -> None:
        try:
            while data := server.recv(65536):
                if silenced.is_set():
                    break
                client.sendall(data)
        except OSError:
            pass
        _shut(client, server)


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            one.close()
