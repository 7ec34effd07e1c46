"""Pretraining steps in PyTorch, on transformers' Electra blocks: see step_server.py.

The model is torch_ernie_health.py, in the folder that the specification names; `mode` "full" works at every
position, as the original does, "lean" only where there is a loss.
"""
from step_server import Batches, has_decay, read_spec, serve

spec = read_spec()

import sys
import warnings

warnings.filterwarnings("ignore")
import torch
import transformers

sys.path.insert(0, spec["oracle"])
from torch_ernie_health import ErnieHealthTorch, full_map, load_mapped

torch.set_num_threads(spec["threads"])
torch.manual_seed(spec["seed"])
config = spec["config"]
disc, gen = config["discriminator"], config["generator"]
model = ErnieHealthTorch(disc, gen, config["shared_word_embeddings"], config["csp_dim"], lean=spec["mode"] == "lean")
if spec.get("weights"):
    from safetensors.numpy import load_file

    projected = gen["embedding_size"] != gen["hidden_size"]
    load_mapped(model, full_map(disc["num_hidden_layers"], projected), load_file(spec["weights"]))
model.train()
named = list(model.named_parameters())
optimizer = torch.optim.AdamW(
    [{"params": [p for n, p in named if has_decay(n)], "weight_decay": 0.01},
     {"params": [p for n, p in named if not has_decay(n)], "weight_decay": 0.0}], lr=0.0, eps=1e-8, fused=True)
batches = Batches(spec["batches"], torch.from_numpy)
bfloat16 = spec["precision"] == "mixed_bfloat16"


def step(number, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    masked, raw, labels = batches[number]
    where = (labels.reshape(-1) != -100).nonzero().squeeze(-1)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        losses = model(masked, raw, labels, mask_index=where)[0]
    losses[0].backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return [float(loss.detach()) for loss in losses[1:]]


serve(step, version=f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}",
      parameters=sum(p.numel() for p in model.parameters()))
