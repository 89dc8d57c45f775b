"""Chat templates: what they are given, what they may write, and where a model ends."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import AddedToken

from sleuth.commands import evaluate_model
from sleuth.config import RunConfig
from sleuth.errors import UserError
from sleuth.policy.base import Request, Sampling, StopReason
from sleuth.policy.chat import end_token_id, end_token_ids, fix_template, prompt_tokens
from sleuth.policy.engine import TorchPolicy
from sleuth.policy.models import load_model
from sleuth.puzzles.generate import make_puzzle
from sleuth.training.preflight import start
from tests.policy.families import FAMILIES, tiny_family
from tests.tiny import CHAT_TEMPLATE, END, tiny_folder, tiny_llama, tiny_tokenizer

REQUEST = Request("puzzle/0", "Answer.", "Who?")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_completion_ends_where_generate_stops(family: str) -> None:
    """A token of the model's own generation_config ends it, beside the template's and the tokenizer's."""
    tokenizer = tiny_tokenizer()
    prompt = torch.tensor([prompt_tokens(tokenizer, REQUEST)])
    for seed in range(20):  # until one writes something new before its end
        model = tiny_family(family, seed)
        free = TorchPolicy(model, tokenizer, ends=False).rollout([REQUEST], 1, Sampling(12, temperature=0.0))
        said = free[0][0].tokens
        others = [token for place, token in enumerate(said) if place and token not in (*said[:place], END)]
        if others and END not in said[: said.index(others[0])]:
            break
    other = others[0]
    model.generation_config.eos_token_id = [END, other]
    with torch.no_grad():
        whole = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=12, do_sample=False)
    rollout = TorchPolicy(model, tokenizer).rollout([REQUEST], 1, Sampling(12, temperature=0.0))[0][0]
    assert list(rollout.tokens) == whole[0, prompt.shape[1] :].tolist()
    assert rollout.stop is StopReason.END and rollout.tokens[-1] == other


def test_a_turn_s_end_may_be_special_in_the_tokenizer_s_file_alone() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("<end_of_turn>", special=True)])
    added = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert added not in tokenizer.all_special_ids
    tokenizer.chat_template = CHAT_TEMPLATE.replace("<|im_end|>", "<end_of_turn>")
    assert end_token_id(tokenizer) == added
    assert end_token_ids(tokenizer, tiny_llama()) == {added, END}


def test_variables_reach_the_template_and_are_saved(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT_TEMPLATE + "{% if enable_thinking is defined %}{{ enable_thinking }}{% endif %}"
    plain = prompt_tokens(tokenizer, REQUEST)
    fix_template(tokenizer, {"enable_thinking": False}, "")
    assert tokenizer.decode(prompt_tokens(tokenizer, REQUEST)) == tokenizer.decode(plain) + "False"
    tokenizer.save_pretrained(tmp_path)
    tiny_llama().save_pretrained(tmp_path)
    loaded = load_model(str(tmp_path), torch.float32, "cpu").tokenizer
    assert loaded.decode(prompt_tokens(loaded, REQUEST)).endswith("False")


def test_the_time_is_fixed() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }} " + CHAT_TEMPLATE
    now = tokenizer.decode(prompt_tokens(tokenizer, REQUEST))
    assert now.startswith(datetime.now().strftime("%d %b"))
    fix_template(tokenizer, {}, "2024-02-29T23:59:59")
    assert tokenizer.decode(prompt_tokens(tokenizer, REQUEST)).startswith("29 Feb 2024 <|im_start|>")


def _config(folder: Path, **more: Any) -> RunConfig:
    data = {
        "model": {"name": str(folder), "device": "cpu", "dtype": "float32", "threads": 1, "memory_gb": 4},
        "sampling": {"max_new_tokens": 8},
        "sft": {"examples": 0},
        "grpo": {"steps": 1, "puzzles_per_step": 1, "samples": 2},
    }
    return RunConfig.model_validate(data | more)


def test_a_run_keeps_the_time_and_where_its_model_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_folder(tmp_path / "model")
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ strftime_now('%H:%M:%S') }} " + CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    monkeypatch.chdir(tmp_path)
    run = start(_config(Path("model")), tmp_path / "run")
    stored = json.loads((run.path / "config.json").read_text(encoding="utf-8"))["model"]
    assert stored["name"] == str(folder)
    assert abs((datetime.now() - datetime.fromisoformat(stored["template_time"])).total_seconds()) < 600
    tiny_folder(folder)
    run = start(_config(Path("model")), tmp_path / "another")
    assert run.config.model.template_time == ""  # its template writes none


def test_a_window_that_training_cannot_do_is_refused_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    tiny_family("Mistral", sliding_window=32).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    with pytest.raises(UserError, match="sliding window"):
        start(_config(folder), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("template", ["{% if %}", "{{ nothing.there.at_all }}", "{{ 1 // 0 }}", "{{ messages + 1 }}"])
def test_a_template_that_cannot_be_rendered_is_refused_in_one_line(template: str) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    with pytest.raises(UserError, match="chat template cannot be rendered") as refused:
        prompt_tokens(tokenizer, REQUEST)
    assert "\n" not in str(refused.value)


def test_an_empty_prompt_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(UserError, match="no tokens"):
        prompt_tokens(tokenizer, Request("k", "", ""))


def test_more_tokens_than_rows_are_refused(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["zebra"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match="260 tokens and the model's embedding 259 rows"):
        load_model(str(folder), torch.float32, "cpu")


def test_a_special_token_beyond_the_rows_is_refused_where_it_is_used(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("<image>", special=True)])
    tokenizer.save_pretrained(folder)
    loaded = load_model(str(folder), torch.float32, "cpu")
    policy = TorchPolicy(loaded.model, loaded.tokenizer)
    assert policy.rollout([REQUEST], 1, Sampling(2))[0][0].tokens
    with pytest.raises(UserError, match="the token 259, and the model's embedding 259 rows"):
        policy.rollout([Request("k", "", "<image>")], 1, Sampling(2))


def test_layers_that_differ_from_the_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny_folder(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for layers in (1, 3):
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers}), encoding="utf-8")
        with pytest.raises(UserError, match="have 2 layers, config.json says 1" if layers == 1 else "weights lack"):
            load_model(str(folder), torch.float32, "cpu")


def test_evaluations_with_the_same_time_are_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The prompt writes the second: without the stored time, the second evaluation would ask something else."""
    folder = tiny_folder(tmp_path / "model")
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ strftime_now('%H:%M:%S %f') }} " + CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    puzzles = [make_puzzle("zebra", "1", "val", 3, 0, "plain").puzzle]
    sampling = Sampling(8)

    def evaluated(name: str, time: str = "") -> Path:
        out = tmp_path / name
        evaluate_model(puzzles, str(folder), "answer", 1, sampling, "cpu", out, template_time=time)
        return out

    first = evaluated("1.parquet")
    time = pq.read_schema(first).metadata[b"template_time"].decode()
    assert f"--template-time {time}" in capsys.readouterr().err
    assert evaluated("2.parquet", time).read_bytes() == first.read_bytes()
    assert pq.read_schema(evaluated("3.parquet", "2024-02-29")).metadata[b"template_time"] == b"2024-02-29"
    with pytest.raises(UserError, match="template time 'noon'"):
        evaluated("4.parquet", "noon")
