"""Pretraining steps of PaddleNLP's own classes: see step_server.py.

The generator of the specification's size takes the place of the one that the installed version builds, and word
embeddings are shared: the published model.
"""
from step_server import Batches, has_decay, read_spec, serve

spec = read_spec()

import logging
import os
import warnings

os.environ.setdefault("GLOG_v", "0")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import paddle

paddle.set_device("cpu")
import paddlenlp
from paddlenlp.transformers import ElectraConfig, ElectraGenerator, ErnieHealthForTotalPretraining

paddle.seed(spec["seed"])
config = spec["config"]
model = ErnieHealthForTotalPretraining(ElectraConfig(num_labels=config["csp_dim"], **config["discriminator"]))
model.generator = ElectraGenerator(ElectraConfig(**config["generator"]))
if config["shared_word_embeddings"]:
    words = model.generator.electra.embeddings.word_embeddings.weight
    model.discriminator.electra.embeddings.word_embeddings.weight = words
if spec.get("weights"):
    from safetensors.numpy import load_file

    missing, unexpected = model.set_state_dict(load_file(spec["weights"]))
    if missing or unexpected:
        raise SystemExit(f"Cannot load {spec['weights']}: missing {missing}, unexpected {unexpected}")
model.train()
decayed = {p.name for name, p in model.named_parameters() if has_decay(name)}
optimizer = paddle.optimizer.AdamW(
    learning_rate=0.0, epsilon=1e-8, parameters=model.parameters(), weight_decay=0.01,
    grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0), apply_decay_param_fun=lambda name: name in decayed)
batches = Batches(spec["batches"], paddle.to_tensor)


def step(number, rate):
    optimizer.set_lr(rate)
    masked, raw, labels = batches[number]
    losses = model(input_ids=masked, raw_input_ids=raw, generator_labels=labels)
    losses[0].backward()
    optimizer.step()
    optimizer.clear_grad()
    return [float(loss) for loss in losses[1:]]


serve(step, version=f"paddle {paddle.__version__}, paddlenlp {paddlenlp.__version__}",
      parameters=sum({id(p): p.size for p in model.parameters()}.values()))
