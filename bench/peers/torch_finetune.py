"""Fine-tuning steps of a classifier in PyTorch, with transformers' own class: see step_server.py.

Batches are those of the specification, padded to the longest row of each, as transformers' dynamic padding does.
"""
from step_server import has_decay, read_spec, serve

spec = read_spec()

import json
import warnings

warnings.filterwarnings("ignore")
import torch
import transformers

torch.set_num_threads(spec["threads"])
torch.manual_seed(spec["seed"])
encoder = spec["config"]["encoder"]
names = ("vocab_size embedding_size hidden_size num_hidden_layers num_attention_heads intermediate_size hidden_dropout_prob "
         "attention_probs_dropout_prob max_position_embeddings type_vocab_size layer_norm_eps pad_token_id").split()
config = transformers.ElectraConfig(**{name: encoder[name] for name in names}, num_labels=spec["config"]["head"]["classes"])
model = transformers.ElectraForSequenceClassification(config)
model.train()
named = list(model.named_parameters())
optimizer = torch.optim.AdamW(
    [{"params": [p for n, p in named if has_decay(n)], "weight_decay": 0.01},
     {"params": [p for n, p in named if not has_decay(n)], "weight_decay": 0.0}], lr=0.0, eps=1e-8, fused=True)
bfloat16 = spec["precision"] == "mixed_bfloat16"


def padded(rows, key):
    width = max(len(row["ids"]) for row in rows)
    return torch.tensor([row[key] + [0] * (width - len(row[key])) for row in rows])


with open(spec["batches"]) as file:
    batches = [(padded(rows, "ids"), padded(rows, "typeIds"), torch.tensor([row["label"] for row in rows]))
               for rows in json.load(file)]


def step(number, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    ids, types, labels = batches[number]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        loss = model(input_ids=ids, token_type_ids=types, attention_mask=(ids != 0).long(), labels=labels).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return [float(loss.detach())]


serve(step, version=f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}",
      parameters=sum(p.numel() for p in model.parameters()))
