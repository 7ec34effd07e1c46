"""Opens a model folder as its users do: texts in JSON on standard input, what the library makes of them on standard output."""

import json
import sys

library, folder = sys.argv[1:]
texts = json.load(sys.stdin)

if library == "transformers":
    import torch
    import transformers
    from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tensor = lambda ids: torch.tensor([ids])
    values = lambda output: output.detach().numpy()[0]
    version = f"transformers {transformers.__version__}"
else:
    import paddle
    import paddlenlp
    from paddlenlp.transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tensor = lambda ids: paddle.to_tensor([ids])
    values = lambda output: output.numpy()[0]
    version = f"paddlenlp {paddlenlp.__version__}"

classifier, encoder = AutoModelForSequenceClassification.from_pretrained(folder), AutoModel.from_pretrained(folder)
classifier.eval(), encoder.eval()
longest = json.load(open(f"{folder}/config.json", encoding="utf-8"))["max_seq_length"]
answers = []
for text in texts:
    ids = tokenizer(text, truncation=True, max_length=longest)["input_ids"]
    logits, hidden = classifier(tensor(ids)), encoder(tensor(ids))
    logits, hidden = getattr(logits, "logits", logits), hidden[0] if isinstance(hidden, tuple) or hasattr(hidden, "keys") else hidden
    answers.append({"ids": ids, "logits": values(logits).tolist(), "hidden": values(hidden).flatten().tolist()})
classes = [type(one).__name__ for one in (classifier, encoder)]
labels = [classifier.config.id2label[i] for i in range(len(answers[0]["logits"]))] if hasattr(classifier.config, "id2label") else None
json.dump({"version": version, "classes": classes, "labels": labels, "answers": answers}, sys.stdout)
