"""Encodes texts with Hugging Face's libraries, the oracle of hugging_face.ts.

usage: hugging_face.py FOLDER INPUTS [transformers]
FOLDER holds tokenizer.json and its neighbours; INPUTS is JSON, [[text, pair or null], ...].
Prints JSON: rows [ids, type ids, offsets] of `tokenizers`; ids of `transformers` if wanted and there.
"""

import importlib.util
import json
import sys

import tokenizers


def main(folder, inputs_file, *others):
    with open(inputs_file, encoding="utf-8") as file:
        inputs = json.load(file)
    tokenizer = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    encodings = [tokenizer.encode(text, pair) for text, pair in inputs]
    result = {
        "tokenizers": tokenizers.__version__,
        "rows": [[encoding.ids, encoding.type_ids, encoding.offsets] for encoding in encodings],
        "ids": None,
    }
    if "transformers" in others and importlib.util.find_spec("transformers"):
        import transformers  # takes seconds

        auto = transformers.AutoTokenizer.from_pretrained(folder)
        result["ids"] = [auto(text, pair)["input_ids"] for text, pair in inputs]
        result["max_length"] = auto.model_max_length
    json.dump(result, sys.stdout)


main(*sys.argv[1:])
