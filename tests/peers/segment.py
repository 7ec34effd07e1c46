"""Cuts sentences by Python's LAC or jieba: one JSON string a line in, one JSON list of words a line out.

    python segment.py lac|seg|jieba [folder that holds the LAC package]
"""
import json
import os
import sys
import types
import warnings


def stand_in_for_fluid():
    """LAC imports paddle.fluid, which Paddle 2.6 dropped; what LAC uses of it lives on elsewhere."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    import paddle
    from paddle.base import core

    fluid = types.ModuleType("paddle.fluid")
    fluid.core, fluid.Executor = core, paddle.static.Executor
    fluid.CPUPlace, fluid.CUDAPlace = paddle.CPUPlace, paddle.CUDAPlace
    paddle.fluid = sys.modules["paddle.fluid"] = fluid
    sys.modules["paddle.fluid.core"] = core


def segmenter(name):
    """As the original's preprocess.py calls them: one sentence at a time."""
    if name == "jieba":
        import jieba

        jieba.setLogLevel("WARNING")
        return lambda text: list(jieba.cut(text))
    stand_in_for_fluid()
    from LAC import LAC

    tool = LAC(mode=name)
    return (lambda text: tool.run(text)[0]) if name == "lac" else tool.run


warnings.filterwarnings("ignore")
sys.path.extend(sys.argv[2:])
cut = segmenter(sys.argv[1])
for line in sys.stdin.buffer:
    words = json.dumps([str(word) for word in cut(json.loads(line))])
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
