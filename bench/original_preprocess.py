"""Runs the original's preprocess.py as it is, on a vocabulary of ours.

    python original_preprocess.py PREPROCESS_PY VOCABULARY [flags of preprocess.py]

Three things around it are made to work: its tokenizer's vocabulary comes from a file, LAC finds what it uses of the
paddle.fluid that Paddle 2.6 dropped, and its workers are waited for, so that their CPU time counts.
"""
import logging
import multiprocessing
import os
import runpy
import sys
import types
import warnings

script, vocabulary, *flags = sys.argv[1:]
warnings.filterwarnings("ignore")
os.environ.setdefault("GLOG_minloglevel", "2")
logging.disable(logging.WARNING)

import paddle
from paddle.base import core

fluid = types.ModuleType("paddle.fluid")
fluid.core, fluid.Executor = core, paddle.static.Executor
fluid.CPUPlace, fluid.CUDAPlace = paddle.CPUPlace, paddle.CUDAPlace
paddle.fluid = sys.modules["paddle.fluid"] = fluid
sys.modules["paddle.fluid.core"] = core

from paddlenlp.transformers import ElectraTokenizer

ElectraTokenizer.from_pretrained = classmethod(
    lambda cls, *_, **__: cls(vocab_file=vocabulary, do_lower_case=True)
)

pools = []
make_pool = multiprocessing.Pool


def remembered_pool(*args, **options):
    pools.append(make_pool(*args, **options))
    return pools[-1]


multiprocessing.Pool = remembered_pool
sys.argv = [script, *flags]
runpy.run_path(script, run_name="__main__")
for pool in pools:
    pool.join()
