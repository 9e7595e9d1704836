"""LangGraph's synchronous calls, for code in another thread than the loop's. The work is done in the loop."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple

T = TypeVar("T")


class FromOtherThreads:
    """Each call waits for its asynchronous namesake. Raises NotImplementedError without a loop, or in the loop."""

    _loop: asyncio.AbstractEventLoop | None = None

    def bind_loop(self) -> None:
        """Remember the running loop, if there is one."""
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def _in_loop(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            inside = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            inside = False
        if inside or self._loop is None:
            call.close()
            raise NotImplementedError("This saver is asynchronous: use ainvoke, aget_state and the like.")
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found: CheckpointTuple | None = self._in_loop(self.aget_tuple(config))  # type: ignore[attr-defined]
        return found

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        async def everything() -> Any:
            return [found async for found in self.alist(config, **options)]  # type: ignore[attr-defined]

        yield from self._in_loop(everything())

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        stored: RunnableConfig = self._in_loop(
            self.aput(config, checkpoint, metadata, new_versions)  # type: ignore[attr-defined]
        )
        return stored

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._in_loop(self.aput_writes(config, writes, task_id, task_path))  # type: ignore[attr-defined]

    def delete_thread(self, thread_id: str) -> None:
        self._in_loop(self.adelete_thread(thread_id))  # type: ignore[attr-defined]

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._in_loop(self.acopy_thread(source_thread_id, target_thread_id))  # type: ignore[attr-defined]

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self._in_loop(self.aprune(thread_ids, strategy=strategy))  # type: ignore[attr-defined]

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._in_loop(self.adelete_for_runs(run_ids))  # type: ignore[attr-defined]
