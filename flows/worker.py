"""``python -m flows.worker``: the worker of a Prefect installation. SIGTERM drains it."""

import asyncio
import logging
import os
import signal
import sys
import threading

from flows.environment import prepare
from onboarding.settings import BadSettings, Settings


def main() -> None:
    """Work until SIGTERM; settings that cannot be used are one line and exit code 1."""
    try:
        _work(Settings.from_environment(os.environ))
    except BadSettings as error:
        sys.exit(f"error: {error}")


def _work(settings: Settings) -> None:
    """Run the loop beside the main thread: Prefect's engine takes SIGTERM for itself wherever it runs in that one."""
    prepare(settings)
    from flows.in_process import work  # imported here: what Prefect reads at its import is prepared only now

    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"), format="%(asctime)s %(name)s %(message)s")
    stopped, loop = asyncio.Event(), asyncio.new_event_loop()
    ended: list[BaseException] = []

    def body() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:  # it ends what is left of the loop's tasks
                runner.run(work(settings, stopped, lambda name: print(f"worker {name} is up", flush=True)))
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            ended.append(error)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.is_closed() or loop.call_soon_threadsafe(stopped.set))
    thread = threading.Thread(target=body, name="worker")
    thread.start()
    while thread.is_alive():
        thread.join(0.2)  # not for ever: the main thread must wake up to see a signal
    if ended:
        raise ended[0]


if __name__ == "__main__":
    main()
