"""Fetches files of a model with huggingface_hub: settings in JSON on standard input, the paths on standard output."""

import json
import sys

import huggingface_hub

given = json.load(sys.stdin)
paths = [
    huggingface_hub.hf_hub_download(
        given["model"], name, cache_dir=given["cache"], local_files_only=given["offline"], endpoint=given["endpoint"]
    )
    for name in given["files"]
]
json.dump({"version": f"huggingface_hub {huggingface_hub.__version__}", "paths": paths}, sys.stdout)
