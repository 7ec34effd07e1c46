/** The files that users start from: their commands are ones that we have, and their shells run. */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { parseFlags, splitCommand } from "../../tasks/flags.ts";
import { LAUNCH_OPTIONS } from "../../tasks/launch.ts";
import { PREPROCESS_OPTIONS } from "../../tasks/preprocess.ts";
import { PRETRAIN_OPTIONS } from "../../lib/training/mod.ts";
import { testInFolder } from "../folders.ts";

const EXAMPLES = new URL("../../lib/cluster/examples/", import.meta.url);
const windows = Deno.build.os === "windows"; // bash

/** A Kubernetes object, as far as it is looked at. */
// deno-lint-ignore no-explicit-any
type Manifest = any;

async function manifests(name: string): Promise<Manifest[]> {
  return parseAllDocuments(await Deno.readTextFile(new URL(name, EXAMPLES))).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

for (
  const [name, own] of [["tfjob-cpu.yaml", { workers: 1 }], ["tfjob-gpu.yaml", {
    gpus: "0,1,2,3,4,5,6,7",
  }]] as const
) {
  Deno.test(`${name}: the launcher and pretrain take its command`, async () => {
    const [job, policy] = await manifests(name);
    assert.deepEqual([job.apiVersion, job.kind], ["kubeflow.org/v1", "TFJob"]);
    assert.equal(policy.kind, "NetworkPolicy");
    const [container] = job.spec.tfReplicaSpecs.Worker.template.spec.containers;
    assert.equal(container.name, "tensorflow"); // the one that the operator looks for
    const [deno, task, launch, ...words] = container.command;
    assert.deepEqual([deno, task, launch], ["deno", "task", "launch"]);
    const [flags, [command, ...rest]] = splitCommand(words, LAUNCH_OPTIONS);
    const options = parseFlags(flags, LAUNCH_OPTIONS);
    assert(options !== "help");
    for (const [option, value] of Object.entries(own)) {
      assert.equal(options[option as keyof typeof options], value);
    }
    assert(options.max_restarts > 0);
    assert.equal(command, "pretrain");
    assert.notEqual(parseFlags(rest, PRETRAIN_OPTIONS), "help");

    if ("gpus" in own) assert.equal(container.resources.limits["nvidia.com/gpu"], own.gpus.split(",").length);
  });
}

/** The words of `deno task preprocess …`, as a shell takes them apart. */
function preprocessOptions(words: readonly string[]) {
  const [task, name, ...flags] = words;
  assert.deepEqual([task, name], ["task", "preprocess"]);
  const options = parseFlags(flags, PREPROCESS_OPTIONS, "input_path");
  assert(options !== "help");
  return options;
}

/** Puts a program of that name before all others; returns the environment. */
async function withProgram(folder: string, name: string, script: string): Promise<Record<string, string>> {
  await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/bash\n${script}`, { mode: 0o755 });
  return { PATH: `${folder}:${Deno.env.get("PATH")}` };
}

async function bash(args: string[], env: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command("bash", { args, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

const PRINT_WORDS = `printf '%s\\n' "$@"\n`;

testInFolder("preprocess-job.yaml: each pod does its part", async (folder) => {
  const env = await withProgram(folder, "deno", PRINT_WORDS);
  const [{ spec }] = await manifests("preprocess-job.yaml");
  const [shell, dashC, script] = spec.template.spec.containers[0].command;
  assert.deepEqual([shell, dashC], ["sh", "-c"]);
  const { stdout } = await bash(["-c", script!], { ...env, JOB_COMPLETION_INDEX: "15" });
  const { shard } = preprocessOptions(stdout.trim().split("\n"));
  assert.equal(shard, `15/${spec.completions}`);
}, windows);

testInFolder("preprocess.sbatch: each task of the array does its part", async (folder) => {
  const env = await withProgram(folder, "deno", PRINT_WORDS);
  const { stdout } = await bash([new URL("preprocess.sbatch", EXAMPLES).pathname], {
    ...env,
    SLURM_ARRAY_TASK_ID: "3",
    SLURM_ARRAY_TASK_COUNT: "16",
    SLURM_CPUS_PER_TASK: "6",
  });
  const options = preprocessOptions(stdout.trim().split("\n"));
  assert.deepEqual([options.shard, options.num_worker], ["3/16", 6]);
}, windows);

testInFolder("pretrain.sbatch: a GPU for each task, and another try after a lost one", async (folder) => {
  await withProgram(folder, "deno", `echo "GPU $CUDA_VISIBLE_DEVICES"; ${PRINT_WORDS}`);
  const env = await withProgram(
    folder,
    "srun",
    `while [[ $1 == --* ]]; do shift; done
SLURM_LOCALID=2 "$@"
echo x >> "${folder}/tries"
[[ $(wc -l < "${folder}/tries") -ge 2 ]] || exit 75
exit "\${FINAL:-0}"
`,
  );
  const script = new URL("pretrain.sbatch", EXAMPLES).pathname;
  const { code, stdout, stderr } = await bash([script], { ...env, SLURM_CPUS_PER_TASK: "8" });
  assert.equal(code, 0);
  assert.equal(stderr, "Starting again after status 75\n");
  const [gpu, task, name, ...flags] = stdout.slice(0, stdout.length / 2).trim().split("\n");
  assert.deepEqual([gpu, task, name], ["GPU 2", "task", "pretrain"]);
  assert.notEqual(parseFlags(flags, PRETRAIN_OPTIONS), "help");

  assert.equal((await bash([script], { ...env, FINAL: "1" })).code, 1); // a mistake is not tried again
}, windows);

for (const name of ["pretrain.sbatch", "preprocess.sbatch"]) {
  Deno.test({
    name: `${name} is a script`,
    ignore: windows,
    fn: async () => assert.equal((await bash(["-n", new URL(name, EXAMPLES).pathname], {})).code, 0),
  });
}
