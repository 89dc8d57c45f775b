"""Our engine as a provider of models in Inspect: `sleuth/MODEL`, where MODEL is named as in `sleuth eval`."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from sleuth.errors import UserError

if TYPE_CHECKING:
    from sleuth.policy.base import Rollout
    from sleuth.serve.scheduler import Job, Scheduler

ROWS = 32
NEW = 2048
"""Most new tokens of a completion."""
DEFAULT_NEW = 256
"""New tokens where the request names no limit, as in `sleuth eval`."""
PROMPT = 6144
"""Most tokens of a prompt."""


@modelapi(name="sleuth")
def sleuth() -> type[ModelAPI]:
    """The provider; loaded when it is asked for."""
    return SleuthAPI


class SleuthAPI(ModelAPI):
    """Decodes in this process, all requests side by side. Options (`-M name=value`): `device`, `rows`."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - the signature that Inspect prescribes
        device: str = "auto",
        rows: int = ROWS,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._rows, self._device = rows, device
        self._lock = asyncio.Lock()
        self._scheduler: Scheduler | None = None

    def max_connections(self) -> int:
        """As many requests as are decoded side by side."""
        return self._rows

    def connection_key(self) -> str:
        """Every model has a decoder of its own."""
        return str(self.model_name)

    async def aclose(self) -> None:
        """Stops decoding."""
        if self._scheduler is not None:
            await asyncio.to_thread(self._scheduler.close)
            self._scheduler = None

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """One reply. Raises `UserError` for tools, which our models do not have, and conversations of another form."""
        from sleuth.policy.base import Sampling
        from sleuth.serve.protocol import conversation, seed_of
        from sleuth.serve.scheduler import TooLong

        if tools:
            raise UserError(f"{self.model_name}: models of Sleuth use no tools")
        request = conversation([(message.role, message.text) for message in input])
        temperature = 1.0 if config.temperature is None else config.temperature
        greedy = temperature == 0
        sampling = Sampling(
            config.max_tokens or DEFAULT_NEW,
            temperature,
            seed_of(config.seed),
            top_k=0 if greedy else config.top_k or 0,
            top_p=1.0 if greedy or config.top_p is None else config.top_p,
            stop=tuple(config.stop_seqs or ()),
        )
        scheduler = await self._ready()
        try:
            tokens = await asyncio.to_thread(scheduler.encode, request, sampling.max_new_tokens)
        except TooLong as error:
            return ModelOutput.from_content(self.model_name, str(error), stop_reason="model_length")
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def finished(job: Job) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(done.set)

        job = scheduler.submit(request, tokens, config.num_choices or 1, sampling, finished)
        try:
            await done.wait()
        except asyncio.CancelledError:
            scheduler.cancel(job)
            raise
        if job.error:
            raise RuntimeError(job.error)
        rollouts = [job.group.finished[sample] for sample in range(job.group.samples)]
        return self._output(len(job.group.prompt), rollouts)

    async def _ready(self) -> Scheduler:
        async with self._lock:
            if self._scheduler is None:
                self._scheduler = await asyncio.to_thread(
                    functools.partial(_start, self.model_name, self._device, self._rows)
                )
            return self._scheduler

    def _output(self, prompt: int, rollouts: list[Rollout]) -> ModelOutput:
        written = sum(len(rollout.tokens) for rollout in rollouts)
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=rollout.text, model=self.model_name, source="generate"),
                    stop_reason="max_tokens" if rollout.stop.cut else "stop",
                )
                for rollout in rollouts
            ],
            usage=ModelUsage(input_tokens=prompt, output_tokens=written, total_tokens=prompt + written),
        )


def _start(name: str, device: str, rows: int) -> Scheduler:
    from sleuth.policy.machine import choose_device, fast_dtype
    from sleuth.policy.models import load_model
    from sleuth.serve.scheduler import Scheduler

    chosen = choose_device(device)
    loaded = load_model(name, fast_dtype(chosen), chosen)
    context: Any = getattr(loaded.model.config, "max_position_embeddings", None)
    new = NEW if context is None else min(NEW, context // 2)
    return Scheduler(loaded, rows, PROMPT, new, queue=rows)
