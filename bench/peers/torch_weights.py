"""Loads a file with PyTorch and copies every tensor, and tells on a line of JSON what it took: see ../weights.ts. With two arguments, saves the
tensors of the first (safetensors) as the second (.bin)."""
import json
import resource
import sys
import time

import safetensors.torch
import torch


def load(path):
    return safetensors.torch.load_file(path) if path.endswith(".safetensors") else torch.load(path, weights_only=True)


def busy():
    fields = [int(n) for n in open("/proc/stat").readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / 100


if len(sys.argv) > 2:
    torch.save(load(sys.argv[1]), sys.argv[2])
    sys.exit()
torch.set_num_threads(1)
others, start, before = busy(), time.perf_counter(), time.process_time()
held = {name: tensor.clone() for name, tensor in load(sys.argv[1]).items()}
wall, cpu = time.perf_counter() - start, time.process_time() - before
print(json.dumps({
    "wall": wall,
    "cpu": cpu,
    "others": max(0, (busy() - others - cpu) / wall),
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "bytes": sum(tensor.nbytes for tensor in held.values()),
    "version": f"PyTorch {torch.__version__}",
}))
