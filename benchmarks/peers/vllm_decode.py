"""Runs in an environment of its own, made by `benchmarks/compare.py`: seconds of sampling by vLLM's build for CPUs.

    python vllm_decode.py MODEL_FOLDER PROMPT_FILE GROUP NEW REPEATS eager|compiled

One prompt, a group of completions of exactly NEW tokens each at temperature 1. Prints one JSON list of seconds.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")  # all cores compute; read when vllm is imported

from vllm import LLM, SamplingParams


def main() -> None:
    model_folder, prompt_file, group, new, repeats, way = sys.argv[1:]
    llm = LLM(
        model=model_folder,
        dtype="bfloat16",
        enforce_eager=way == "eager",
        enable_prefix_caching=True,
        max_model_len=1024,
        max_num_seqs=int(group),
        disable_log_stats=True,
        gpu_memory_utilization=0.3,  # of memory, on processors as well
    )
    prompt = Path(prompt_file).read_text(encoding="utf-8")
    times_s = []
    for repeat in range(int(repeats) + 1):
        tokens = int(new)
        sampling = SamplingParams(
            n=int(group),
            temperature=1.0,
            min_tokens=tokens,
            max_tokens=tokens,
            ignore_eos=True,
            seed=repeat,
            logprobs=0,
        )
        started = time.perf_counter()
        [output] = llm.generate([f"{repeat}. {prompt}"], sampling, use_tqdm=False)
        times_s.append(time.perf_counter() - started)
        assert all(len(one.token_ids) == int(new) for one in output.outputs)
    print(json.dumps(times_s[1:]))


if __name__ == "__main__":
    main()
