"""Every setting of a run, in one place, as plain data.

A recipe is a TOML file of these keys; the command line sets any of them as `--section.key value`. Each key is
documented once, under its attribute; `--help` and docs/reference/recipe.md are made from that. The sections are in
`sections`; here is what they are together, and which keys exclude one another.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from sleuth.config.sections import *  # noqa: F403
from sleuth.config.sections import (
    MOST_SEED,
    NANO_SIZES,
    CheckpointConfig,
    EngineConfig,
    EvalConfig,
    GrpoConfig,
    MirrorConfig,
    ModelConfig,
    OptimizerConfig,
    PuzzlesConfig,
    RewardConfig,
    SamplingConfig,
    Section,
    SftConfig,
    TrainedMode,
    WeightsConfig,
)
from sleuth.errors import shortened
from sleuth.files import NO_FILE_NAME, is_file_name
from sleuth.runs.metrics import metric_name

EVALUATED = ("reward", "strict", "readable", "length_tokens", "fluency", "kl")
"""Metrics of an evaluation during training, but for those in parts."""
EVALUATED_PARTS = ("spans/", "legibility/", "outcome/", "turns/")
"""What the names of the others begin with."""


class RunConfig(Section):
    """One training run. The keys of a recipe."""

    name: str = "run"
    """Name of the run; its folder is made of it. A recipe without one is called as its file."""
    mode: TrainedMode = "program"
    """How the model is asked: `answer`, `reason` or `program`."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """Seed of all random choices of the run except the puzzles."""
    model: ModelConfig = ModelConfig()
    puzzles: PuzzlesConfig = PuzzlesConfig()
    sft: SftConfig = SftConfig()
    grpo: GrpoConfig = GrpoConfig()
    reward: RewardConfig = RewardConfig()
    sampling: SamplingConfig = SamplingConfig()
    weights: WeightsConfig = WeightsConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    eval: EvalConfig = EvalConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    engine: EngineConfig = EngineConfig()
    mirror: MirrorConfig = MirrorConfig()

    @property
    def needs_reference(self) -> bool:
        """Whether training itself, and not only what is measured beside it, needs the model before GRPO."""
        return self.grpo.kl > 0 or self.reward.fluency > 0

    @model_validator(mode="after")
    def _combinations(self) -> RunConfig:
        if not is_file_name(self.name):
            raise ValueError(f"name {shortened(self.name)!r}: {NO_FILE_NAME}")
        grpo, puzzles, reward = self.grpo, self.puzzles, self.reward
        model = self.model
        if model.kind == "nano" and model.name != ModelConfig().name:
            raise ValueError("model.kind nano trains a new model; leave model.name out or take model.kind pretrained")
        heads = model.head_count
        if model.kind == "nano" and model.hidden % (16 * heads):
            raise ValueError(
                f"model.hidden {model.hidden} is no multiple of 16 for each of {heads} heads; "
                f"take {16 * heads * max(1, model.hidden // (16 * heads))}"
            )
        for key in () if model.kind == "nano" else NANO_SIZES:
            if getattr(model, key) != getattr(ModelConfig(), key) and (model.kind, key) != ("extended", "vocabulary"):
                raise ValueError(f"model.{key} is a size of a nano model; set model.kind to nano or leave it out")
        if self.sampling.constrain and self.mode == "reason":
            raise ValueError("sampling.constrain is for modes program and answer: reasoning has no grammar")
        if self.sampling.until == "answers" and self.mode == "program":
            raise ValueError("sampling.until answers is for modes answer and reason; leave it out in mode program")
        if grpo.loss == "gspo" and reward.spans > 0:
            raise ValueError("grpo.loss gspo has one ratio and one advantage for a completion; set reward.spans to 0")
        if grpo.loss == "gspo" and grpo.correction > 0:
            raise ValueError(
                "grpo.loss gspo has one ratio for a completion, grpo.correction a weight for each token; set it to 0"
            )
        if grpo.loss == "reinforce" and grpo.updates_per_batch > 1 and grpo.learn_from == "all":
            raise ValueError("grpo.loss reinforce has no ratio; set grpo.updates_per_batch to 1 or take another loss")
        if grpo.sample_deviation and not grpo.deviation:
            raise ValueError("grpo.sample_deviation says which deviation is divided by, and grpo.deviation is false")
        for key in ("processes", "batch_size", "vllm_server") if self.engine.kind == "sleuth" else ():
            if getattr(self.engine, key) != getattr(EngineConfig(), key):
                raise ValueError(f"engine.{key} is for engine.kind trl; set --engine trl or leave it out")
        if grpo.updates_per_batch > grpo.puzzles_per_step:
            raise ValueError("grpo.updates_per_batch is above grpo.puzzles_per_step; a batch has no so many parts")
        if grpo.kl_estimator == "k1" and grpo.kl_in == "loss":
            raise ValueError(
                "grpo.kl_estimator k1 has no gradient in the loss; set grpo.kl_in reward, or take k2 or k3"
            )
        if grpo.kl_end is not None and grpo.kl == 0:
            raise ValueError("grpo.kl_end is where grpo.kl goes to, which is 0; set grpo.kl above 0")
        if reward.overlong > 0 and not 0 < reward.overlong_tokens <= self.sampling.max_new_tokens:
            raise ValueError("reward.overlong needs reward.overlong_tokens from 1 to sampling.max_new_tokens")
        if grpo.retries > 0 and self.mode == "answer":
            raise ValueError(
                "grpo.retries is for modes program and reason (in mode answer there is nothing to think over); set it "
                "to 0"
            )
        if grpo.learn_from == "right":
            why = "grpo.learn_from right takes whole completions, whatever they earn"
            if reward.spans > 0:
                raise ValueError(f"{why}; set reward.spans to 0")
            if grpo.kl > 0 and grpo.kl_in == "reward":
                raise ValueError(f"{why}; set grpo.kl to 0, or grpo.kl_in to loss")
            if grpo.min_deviation > 0:
                raise ValueError(f"{why}; set grpo.min_deviation to 0")
        for key in ("family", "level", "style") if puzzles.mixture else ():
            if getattr(puzzles, key) != getattr(PuzzlesConfig(), key):
                raise ValueError(f"puzzles.{key} stands beside puzzles.mixture, whose sources have their own; take one")
        if puzzles.fixed and (puzzles.enter > 0 or any(s.begins > 0 or s.ends < 1 for s in puzzles.mixture)):
            raise ValueError("puzzles.fixed is the same puzzles to the end; leave out puzzles.enter, begins and ends")
        if puzzles.choice != "first" and not puzzles.fixed:
            raise ValueError(f"puzzles.choice {puzzles.choice} chooses the fixed puzzles; set puzzles.fixed above 0")
        if puzzles.leave < 1 and not puzzles.enter:
            raise ValueError("puzzles.leave is of a curriculum by success; set puzzles.enter above 0, or leave it out")
        if puzzles.enter > 0 and len(puzzles.mixture) < 2:
            raise ValueError("puzzles.enter leads from source to source; list two or more in [[puzzles.mixture]]")
        if any(source.begins >= source.ends for source in puzzles.mixture):
            raise ValueError("puzzles.mixture: a source begins before it ends; lower begins or raise ends")
        if puzzles.mixture and any(
            not any(source.begins <= at < source.ends for source in puzzles.mixture)
            for at in (0.0, *(source.ends for source in puzzles.mixture if source.ends < 1))
        ):
            raise ValueError(
                "puzzles.mixture leaves a time without a source; let one begin at 0, and another where it ends"
            )
        if puzzles.mixture and puzzles.enter > 0 and any(s.begins > 0 or s.ends < 1 for s in puzzles.mixture):
            raise ValueError(
                "puzzles.enter is a curriculum by success, begins and ends one by schedule; take one of them"
            )
        settings = ("length_target", "overlong_tokens", *(("spans",) if self.mode == "answer" else ()))
        if not any(getattr(reward, name) for name in RewardConfig.model_fields if name not in settings):
            raise ValueError(f"reward has no weight above 0 that mode {self.mode} can earn; set reward.answers")
        if self.optimizer.kind == "muon" and self.weights.lora_rank:
            raise ValueError("optimizer.kind muon is for whole matrices, not for weights.lora_rank; take adamw")
        if self.checkpoint.best and (not self.eval.every or not grpo.steps):
            raise ValueError("checkpoint.best compares evaluations during GRPO; set eval.every and grpo.steps above 0")
        best = metric_name(self.checkpoint.best).removeprefix("-")
        if self.checkpoint.best and best not in EVALUATED and not best.startswith(EVALUATED_PARTS):
            raise ValueError(
                f"checkpoint.best {shortened(self.checkpoint.best)!r} is measured by no evaluation; take one of "
                f"{', '.join(EVALUATED)}, or a name that begins with {', '.join(EVALUATED_PARTS)}"
            )
        if self.sft.examples == 0 and grpo.steps == 0:
            raise ValueError("sft.examples and grpo.steps are both 0; there is nothing to train")
        if self.sft.file and self.sft.examples == 0:
            raise ValueError("sft.file is not read, as sft.examples is 0; say how many to show")
        if self.sft.variants > 1 and (self.sft.file or puzzles.fixed):
            raise ValueError("sft.variants is for new puzzles; leave it out beside sft.file and puzzles.fixed")
        return self


def demo_config() -> RunConfig:
    """What the first act of `sleuth demo` runs; recipes/demo.toml says the same."""
    return RunConfig(
        name="demo",
        model=ModelConfig(kind="nano"),
        sft=SftConfig(examples=2400, batch_size=32, learning_rate=3e-3, warmup_steps=20),
        grpo=GrpoConfig(steps=60, puzzles_per_step=32, learning_rate=5e-4, warmup_steps=5),
        reward=RewardConfig(spans=1.0),
        sampling=SamplingConfig(rows=256),
        optimizer=OptimizerConfig(kind="muon", muon_factor=7.0, micro_batch_tokens=8192),
        eval=EvalConfig(every=15, every_count=100),
        checkpoint=CheckpointConfig(every=30),
    )


def reasoning_demo_config(steps: int) -> RunConfig:
    """What its second act runs: like the stage `grpo` of recipes/nano.toml, of so many steps, from `nano-novice`, whose
    completions are shorter, and which learns at a higher rate, by its answers alone."""
    return RunConfig(
        name="demo-reasoning",
        mode="reason",
        model=ModelConfig(name="nano-novice"),
        sft=SftConfig(examples=0),
        grpo=GrpoConfig(steps=steps, puzzles_per_step=32, samples=8, learning_rate=5e-4, warmup_steps=5),
        reward=RewardConfig(answers=0.5, strict=1.0),
        sampling=SamplingConfig(max_new_tokens=384, rows=256),
        optimizer=OptimizerConfig(micro_batch_tokens=8192),
        eval=EvalConfig(count=200, every=12, every_count=100),
        checkpoint=CheckpointConfig(every=12),
    )
