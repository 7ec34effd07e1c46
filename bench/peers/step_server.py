"""What the drivers of the Python peers have in common: the talk with bench/peers/step_process.ts, and what a step costs.

A driver gets a specification (JSON) as its only argument. It says who it is, and then does what each line on its
standard input asks for: {"batch": 3, "rate": 1e-4} is one step on batch 3, {"peak": true} asks for its peak memory.
"""
import json
import os
import sys
import time

import numpy as np


def read_spec():
    """The specification; stdout is kept for answers, whatever libraries print goes to stderr."""
    global _answers
    _answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spec = json.loads(sys.argv[1])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "FLAGS_paddle_num_threads"):
        os.environ[name] = str(spec["threads"])
    return spec


def serve(step, **about):
    """Answers until stdin ends; `step(batch, rate)` returns the four losses."""
    _say(about)
    for line in sys.stdin:
        request = json.loads(line)
        _say({"peak": _peak_bytes()} if request.get("peak") else _measured(step, request))


class Batches:
    """Batches of an .npz: maskedIds_0, rawIds_0 and labels_0, each (rows, L), then those of batch 1 …"""

    def __init__(self, path, convert):
        self._arrays, self._convert = np.load(path), convert

    def __getitem__(self, number):
        names = ("maskedIds", "rawIds", "labels")
        return [self._convert(self._arrays[f"{name}_{number}"].astype("int64")) for name in names]


def has_decay(name):
    return not any(part in name for part in ("bias", "norm", "LayerNorm"))


def _measured(step, request):
    others, cpu, wall = _busy(), time.process_time(), time.perf_counter()
    losses = step(request["batch"], request["rate"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall, "cpu": cpu, "others": max(0.0, (_busy() - others - cpu) / wall), "losses": losses}


def _busy():
    """CPU-seconds that all processes of the machine have used; 0 where the system does not tell."""
    try:
        with open("/proc/stat") as stat:
            ticks = list(map(int, stat.readline().split()[1:9]))
    except OSError:
        return 0.0
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def _peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def _say(answer):
    print(json.dumps(answer), file=_answers, flush=True)
