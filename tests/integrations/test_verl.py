"""The reward and the data of `integrations/verl`; where verl is installed (`make verl`), its own reading of them, and
its own check of `run.sh`. Its training needs graphics cards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

import sleuth
from sleuth.policy.prompts import ask
from sleuth.puzzles.gold import gold_completion
from tests.integrations.golden import EVERY, Golden
from tests.integrations.loading import load_file

FOLDER = Path(__file__).parents[2] / "integrations" / "verl"


@pytest.fixture(scope="module")
def reward() -> ModuleType:
    """The file, loaded from its path as verl does it."""
    return load_file(FOLDER / "reward.py")


@pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)
def test_compute_score(golden: Golden, reward: ModuleType) -> None:
    found = reward.compute_score(
        data_source="sleuth/any",
        solution_str=golden.completion,
        ground_truth=golden.puzzle,
        extra_info={"mode": golden.mode, "num_turns": None, "rollout_reward_scores": {}},
    )
    assert found == {"score": pytest.approx(golden.reward), "strict": float(golden.strict)}


def make_data(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(FOLDER / "data.py"), *arguments], capture_output=True, text=True)


def test_rows(reward: ModuleType, tmp_path: Path) -> None:
    """Each has what verl reads, and the right completion of its puzzle earns everything."""
    puzzles = sleuth.make("zebra", level="1", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    done = make_data(str(tmp_path / "puzzles.jsonl"), str(tmp_path / "train.parquet"), "--mode", "program")
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(tmp_path / "train.parquet").to_pylist()
    assert [set(row) for row in rows] == [{"data_source", "prompt", "ability", "reward_model", "extra_info"}] * 2
    for index, (row, puzzle) in enumerate(zip(rows, puzzles, strict=True)):
        request = ask(puzzle, "program")
        assert [one["content"] for one in row["prompt"]] == [request.system, request.user]
        assert row["extra_info"] == {"index": index, "id": puzzle.id, "mode": "program"}
        truth = row["reward_model"]["ground_truth"]
        right = gold_completion(puzzle, "program")
        found = reward.compute_score(row["data_source"], right, truth, row["extra_info"])
        assert found == {"score": 1.0, "strict": 1.0}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = make_data(str(tmp_path / "none.jsonl"), str(tmp_path / "train.parquet"))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "none.jsonl" in done.stderr
    assert not (tmp_path / "train.parquet").exists()


@pytest.fixture(scope="module")
def settings() -> Any:
    """What `run.sh` tells verl, with verl's defaults, read as verl reads it."""
    pytest.importorskip("verl", reason="verl is not installed here: make verl")
    import verl.trainer
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(Path(verl.trainer.__file__).parent / "config"), version_base=None):
        return compose("ppo_trainer", words_of_run())


def words_of_run() -> list[str]:
    """The settings behind `python3 -m verl.trainer.main_ppo` in `run.sh`, with one more of ours at their end."""
    command = f'python3() {{ printf "%s\\n" "$@"; }}; . {FOLDER / "run.sh"}'
    done = subprocess.run(["sh", "-c", command, "sh", "trainer.nnodes=2"], capture_output=True, text=True, check=True)
    module, *words = done.stdout.split("\n")[1:-1]
    assert module == "verl.trainer.main_ppo"
    return words


def test_verl_accepts_the_settings(settings: Any) -> None:
    """By the checks with which its command begins, and as its own data classes; a wrong batch does not pass."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    def check(config: Any) -> None:
        validate_config(config, need_reference_policy(config), need_critic(config))

    check(settings)
    assert (settings.trainer.n_gpus_per_node, settings.trainer.nnodes) == (8, 2)
    actor = omega_conf_to_dataclass(settings.actor_rollout_ref.actor)
    assert (actor.ppo_mini_batch_size, actor.clip_ratio, actor.loss_agg_mode) == (8, 0.2, "token-mean")
    assert (actor.optim.lr, list(actor.optim.betas), actor.optim.clip_grad) == (6e-6, [0.9, 0.99], 0.1)
    rollout = omega_conf_to_dataclass(settings.actor_rollout_ref.rollout)
    assert (rollout.n, rollout.temperature, rollout.response_length) == (50, 1.0, 8192)
    wrong = settings.copy()
    wrong.actor_rollout_ref.actor.ppo_mini_batch_size = 64  # of 32 puzzles
    with pytest.raises(ValueError, match="train_batch_size"):
        check(wrong)


@pytest.mark.parametrize("golden", EVERY, ids=lambda golden: golden.note)
def test_verl_finds_the_reward(golden: Golden, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the path that `run.sh` names, from the top of the repository."""
    from verl.trainer.ppo.reward import get_custom_reward_fn

    monkeypatch.chdir(FOLDER.parents[1])
    extra = {"mode": golden.mode, "index": 0}
    found = get_custom_reward_fn(settings)("sleuth/any", golden.completion, golden.puzzle, extra)
    assert found == {"score": pytest.approx(golden.reward), "strict": float(golden.strict)}


def test_verl_reads_the_data(settings: Any, tmp_path: Path) -> None:
    """By its own data set, with the tokenizer of a model that comes with Sleuth."""
    from transformers import AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    puzzles = sleuth.make("zebra", level="1", count=2)
    sleuth.write_puzzles(tmp_path / "puzzles.jsonl", puzzles)
    assert make_data(str(tmp_path / "puzzles.jsonl"), str(tmp_path / "train.parquet")).returncode == 0
    tokenizer = AutoTokenizer.from_pretrained(FOLDER.parents[1] / "src/sleuth/models/nano-detective")
    rows = RLHFDataset(str(tmp_path / "train.parquet"), tokenizer, settings.data)
    assert [rows[place]["reward_model"]["ground_truth"] for place in range(2)] == [
        puzzle.model_dump_json() for puzzle in puzzles
    ]
    assert [one["content"] for one in rows[0]["raw_prompt"]] == [
        text for text in (ask(puzzles[0], "answer").system, ask(puzzles[0], "answer").user) if text
    ]
