"""Tiny randomly initialised models of every family that `sleuth.policy.architecture` describes."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from tests.tiny import END, VOCABULARY

FAMILIES = ("Llama", "SmolLM3", "Mistral", "Qwen2", "Qwen3", "Gemma3")
# The second layer is the odd one: of full attention in Gemma, without rotation in SmolLM3.
OWN: dict[str, dict[str, Any]] = {
    "SmolLM3": {"no_rope_layers": [1, 0]},
    "Gemma3": {"layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 24},
}


def tiny_family(family: str, seed: int = 1, **overrides: Any) -> Any:
    """A causal language model in float32 and evaluation mode: two layers, hidden size 64, two heads of 16 over one
    key/value head. `overrides` go to its configuration.

    Biases, and norms away from what training starts at, are drawn too, so that leaving one out is seen. Global random
    state is kept.
    """
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "bos_token_id": 1,
        "eos_token_id": END,
        "pad_token_id": END,
    }
    config = getattr(transformers, "Gemma3TextConfig" if family == "Gemma3" else f"{family}Config")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(transformers, f"{family}ForCausalLM")(config(**settings | OWN.get(family, {}) | overrides))
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "norm" in name or name.endswith("bias"):
                    weight.add_(torch.randn_like(weight), alpha=0.3)
    return model.float().eval()
