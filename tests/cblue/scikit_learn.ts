/**
 * scikit-learn as an oracle of metrics, where a Python has it: `$ERNIE_HEALTH_PYTHON`, or `python3`.
 */
const PYTHON = Deno.env.get("ERNIE_HEALTH_PYTHON") ?? "python3";

const SCRIPT = `
import json, sys
import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support
given = json.load(sys.stdin)
cases = []
for case in given["cases"]:
    y, p, labels = case["answers"], case["predictions"], list(range(case["classes"]))
    precision, recall, _, support = precision_recall_fscore_support(y, p, labels=labels, zero_division=0)
    cases.append(dict(accuracy=accuracy_score(y, p), precision=precision.tolist(), recall=recall.tolist(),
                      macro=f1_score(y, p, average="macro", labels=labels, zero_division=0),
                      macroPresent=f1_score(y, p, average="macro", zero_division=0),
                      micro=f1_score(y, p, average="micro"), support=support.tolist(),
                      confusion=confusion_matrix(y, p, labels=labels).tolist()))
right, said = np.array(given["sets"]).transpose(1, 0, 2)
sets = dict(micro=f1_score(right, said, average="micro"), macro=f1_score(right, said, average="macro", zero_division=0))
json.dump(dict(cases=cases, sets=sets), sys.stdout)
`;

/** What scikit-learn makes of the cases. */
export interface Scores {
  readonly cases: {
    readonly accuracy: number;
    readonly precision: number[];
    readonly recall: number[];
    readonly macro: number;
    readonly macroPresent: number;
    readonly micro: number;
    readonly support: number[];
    readonly confusion: number[][];
  }[];
  readonly sets: { readonly micro: number; readonly macro: number };
}

/** Tells whether the Python has scikit-learn. */
export async function hasScikitLearn(): Promise<boolean> {
  const command = new Deno.Command(PYTHON, {
    args: ["-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('sklearn') is None)"],
    stdout: "null",
    stderr: "null",
  });
  return await command.output().then(({ success }) => success, () => false);
}

/**
 * Scores classes, and sets as rows of flags.
 *
 * @param given.sets For each example which things are answers, and which are predicted.
 */
export async function scikitLearnScores(given: {
  readonly cases: readonly { answers: number[]; predictions: number[]; classes: number }[];
  readonly sets: readonly number[][][];
}): Promise<Scores> {
  const process = new Deno.Command(PYTHON, { args: ["-c", SCRIPT], stdin: "piped", stdout: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(given)));
  await writer.close();
  const { success, stdout } = await process.output();
  if (!success) throw new Error("Cannot score with scikit-learn: see its message above");
  return JSON.parse(new TextDecoder().decode(stdout));
}
