"""Checks ONNX files and runs them: a request in JSON on standard input, answers in JSON on standard output."""

import json
import os
import sys

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

folder = sys.argv[1]
request = json.load(sys.stdin)  # texts of a classifier, or rows of token ids; names of files


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session, ids, types):
    feeds = {
        "input_ids": np.array([ids], np.int64),
        "attention_mask": np.ones((1, len(ids)), np.int64),
        "token_type_ids": np.array([types], np.int64),
    }
    return session.run(None, {one.name: feeds[one.name] for one in session.get_inputs()})


rows = request.get("rows")
if rows is None:
    with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as file:
        longest = json.load(file)["model_max_length"]
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.enable_truncation(longest)
    encodings = [tokenizer.encode(text) for text in request["texts"]]
    rows = [{"ids": one.ids, "types": one.type_ids} for one in encodings]

answers = {}
for name in request["files"]:
    path = os.path.join(folder, "onnx", name)
    onnx.checker.check_model(path, full_check=True)
    session = open_session(path)
    answers[name] = [[output[0].flatten().tolist() for output in run(session, row["ids"], row["types"])] for row in rows]
json.dump({"versions": f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}", "answers": answers}, sys.stdout)
