"""Where tests that hang on the device run: on the processor, and on a GPU where CUDA sees one."""

from __future__ import annotations

import torch

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
