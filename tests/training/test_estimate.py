"""What is said before the first step."""

from sleuth.config import RunConfig
from sleuth.training.estimate import estimate, unusual
from sleuth.training.memory import Lengths

CONFIG = RunConfig.model_validate(
    {
        "sft": {"examples": 64, "batch_size": 16, "warmup_steps": 3},
        "grpo": {"steps": 2, "puzzles_per_step": 2, "samples": 4, "warmup_steps": 1},
        "eval": {"count": 100, "every": 0},
        "checkpoint": {"keep": 1},
    }
)


def said(free: int) -> list[str]:
    return estimate(CONFIG, parameters=10**9, lengths=Lengths(100, 50), rate=1e12, free=free)


def test_expected_figures() -> None:
    # Warm start: 4 steps x 6 operations x 1e9 x 16 x 150 tokens at 0.6e12 a second: 96 s. A GRPO step: 2 prompts and 8
    # completions of 50, 6e9 x 600 / 0.6e12 = 6 s, and 2e9 x 400 / 0.5e12 = 1.6 s of sampling. Evaluations: 3 x 100 x
    # 2e9 x 150 / 0.5e12 = 180 s. In all 96 + 2 x 7.6 + 180 = 291 s. Disk: two checkpoints of weights and two moments
    # (12 GB each), while one takes the other's place, and two models of 4 GB.
    lines = said(free=10**12)
    assert lines[0].startswith("a GRPO step: 2 x 4 completions, about 400 new tokens")
    assert lines[0].endswith("1 update a batch, about 8 s")
    assert lines[1] == "expected time: about 4:51, by the machine's rate now; disk: at most about 32.0 GB"
    assert len(lines) == 2


def test_a_disk_too_small_is_told_before_it_is_full() -> None:
    assert said(free=32 * 10**9) == said(free=10**12)
    [*others, warning] = said(free=32 * 10**9 - 1)
    assert others == said(free=10**12)
    assert warning.startswith("the disk has 32.0 GB free: free some, or keep fewer checkpoints")


def test_a_warm_up_that_fills_the_training_is_unusual() -> None:
    longer = {"sft": {**CONFIG.sft.model_dump(), "warmup_steps": 4}, "grpo": {**CONFIG.grpo.model_dump(), "steps": 1}}
    assert list(unusual(RunConfig.model_validate(CONFIG.model_dump() | longer), 10**9)) == [
        "sft.warmup_steps 4: with 4 steps the learning rate never reaches its peak",
        "grpo.warmup_steps 1: with 1 step the learning rate never reaches its peak",
    ]
    assert list(unusual(CONFIG, 10**9)) == []


def test_a_reward_for_sentences_is_unusual_where_there_are_none() -> None:
    config = CONFIG.model_dump() | {"reward": {"nothing_false": 0.5}, "mode": "program"}
    assert list(unusual(RunConfig.model_validate(config), 10**9)) == [
        "reward.nothing_false 0.5: mode program has no sentences, it earns nothing"
    ]
