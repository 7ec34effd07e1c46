import assert from "node:assert/strict";
import { clusterFromEnvironment, type Environment } from "../../lib/cluster/mod.ts";
import { expandNodeList } from "../../lib/cluster/slurm.ts";
import { UserError } from "../../lib/config/mod.ts";

const tfConfig = (config: unknown) => ({ TF_CONFIG: JSON.stringify(config) });
const KUBEFLOW = ["job-worker-0.team.svc:2222", "job-worker-1.team.svc:2222", "job-worker-2.team.svc:2222"];
const kubeflow = (type: string, index: number, cluster: unknown = { worker: KUBEFLOW }) =>
  tfConfig({ cluster, task: { type, index }, environment: "cloud" });
const VERTEX = {
  cluster: {
    chief: ["cmle-training-chief-1f2e3d-0:2222"],
    worker: ["cmle-training-worker-1f2e3d-0:2222", "cmle-training-worker-1f2e3d-1:2222"],
  },
  environment: "cloud",
  job: { job_args: [], python_module: "trainer" },
};
const SLURM = {
  SLURM_JOB_ID: "1000",
  SLURM_STEP_ID: "0",
  SLURM_STEP_NUM_TASKS: "5",
  SLURM_STEP_NODELIST: "gpu[08-09,11]",
  SLURM_STEP_TASKS_PER_NODE: "2(x2),1",
};
const SLURM_PORT = 12_000 + 64 * (1000 % 256);
const slurm = (rank: number, node: number, local: number) => ({
  ...SLURM,
  SLURM_PROCID: String(rank),
  SLURM_NODEID: String(node),
  SLURM_LOCALID: String(local),
});

const CASES: [string, Environment, rank: number, addresses: string[], coordinator: string][] = [
  ["Kubeflow's workers", kubeflow("worker", 2), 2, KUBEFLOW, "job-worker-0.team.svc:3222"],
  [
    "Kubeflow's chief and workers",
    kubeflow("worker", 0, { chief: ["job-chief-0:2222"], worker: ["job-worker-0:2222"] }),
    1,
    ["job-chief-0:2222", "job-worker-0:2222"],
    "job-chief-0:3222",
  ],
  [
    "an older service's master",
    kubeflow("master", 0, { master: ["m:2222"], worker: ["w:2222"] }),
    0,
    ["m:2222", "w:2222"],
    "m:3222",
  ],
  [
    "Vertex AI's chief",
    tfConfig({ ...VERTEX, task: { type: "chief", index: 0, trial: "1" } }),
    0,
    [...VERTEX.cluster.chief, ...VERTEX.cluster.worker],
    "cmle-training-chief-1f2e3d-0:3222",
  ],
  [
    "Vertex AI's second worker",
    tfConfig({ ...VERTEX, task: { type: "worker", index: 1 } }),
    2,
    [...VERTEX.cluster.chief, ...VERTEX.cluster.worker],
    "cmle-training-chief-1f2e3d-0:3222",
  ],
  [
    "SageMaker, an index as text",
    tfConfig({ cluster: { worker: ["algo-1:8890", "algo-2:8890"] }, task: { index: "1", type: "worker" } }),
    1,
    ["algo-1:8890", "algo-2:8890"],
    "algo-1:9890",
  ],
  [
    "IPv6, and a coordinator of its own",
    {
      ...kubeflow("worker", 0, { worker: ["[fd00::1]:2222", "[fd00::2]:2222"] }),
      ERNIE_HEALTH_COORDINATOR: "[fd00::1]:99",
    },
    0,
    ["[fd00::1]:2222", "[fd00::2]:2222"],
    "[fd00::1]:99",
  ],
  [
    "TF_CONFIG within a Slurm step",
    { ...slurm(4, 2, 0), ...kubeflow("worker", 1) },
    1,
    KUBEFLOW,
    "job-worker-0.team.svc:3222",
  ],
  [
    "Slurm's step",
    slurm(3, 1, 1),
    3,
    ["gpu08", "gpu08", "gpu09", "gpu09", "gpu11"].map((host, i) => `${host}:${SLURM_PORT + i % 2}`),
    `gpu08:${SLURM_PORT + 1000}`,
  ],
  [
    "Slurm's job where the step has no list, and a port of our own",
    {
      SLURM_PROCID: "0",
      SLURM_STEPID: "3",
      SLURM_NTASKS: "2",
      SLURM_JOB_NODELIST: "a,b",
      SLURM_TASKS_PER_NODE: "1(x2)",
      ERNIE_HEALTH_PORT: "5000",
    },
    0,
    ["a:5000", "b:5000"],
    "a:6000",
  ],
];

for (const [name, env, rank, addresses, coordinator] of CASES) {
  Deno.test(`cluster: ${name}`, () => {
    assert.deepEqual(clusterFromEnvironment(env), { rank, size: addresses.length, addresses, coordinator });
  });
}

const ALONE: [string, Environment][] = [
  ["nothing set", {}],
  ["an empty TF_CONFIG", { TF_CONFIG: "" }],
  ["TF_CONFIG without a cluster", tfConfig({ task: { type: "worker", index: 0 } })],
  ["TF_CONFIG with an empty cluster", tfConfig({ cluster: {}, task: { type: "cloud", index: 0 } })],
  ["a chief alone", tfConfig({ cluster: { chief: ["c:2222"] }, task: { type: "chief", index: 0 } })],
  ["a batch script of one task", { SLURM_JOB_ID: "7", SLURM_NTASKS: "1", SLURM_PROCID: "0" }],
  ["a shell of salloc, which is no task", { SLURM_JOB_ID: "7", SLURM_NTASKS: "4" }],
];

for (const [name, env] of ALONE) {
  Deno.test(`one process: ${name}`, () => assert.equal(clusterFromEnvironment(env), undefined));
}

const REFUSED: [string, Environment, RegExp][] = [
  ["no JSON", { TF_CONFIG: "{worker" }, /^Cannot read TF_CONFIG: it is not valid JSON: /],
  ["a list", { TF_CONFIG: "[]" }, /^Cannot read TF_CONFIG: expected a JSON object$/],
  ["an evaluator", kubeflow("evaluator", 0), /^Cannot run as task "evaluator" of TF_CONFIG: /],
  [
    "a parameter server",
    kubeflow("ps", 0, { ps: ["p:1"], worker: ["w:1"] }),
    /^Cannot run as task "ps" of TF_CONFIG/,
  ],
  [
    "a worker beside parameter servers",
    kubeflow("worker", 0, { ps: ["p:1"], worker: ["w:1", "v:1"] }),
    /has a parameter server \("ps": "p:1"\)/,
  ],
  [
    "a sparse cluster",
    tfConfig({ sparseCluster: { worker: { "0": "w:1" } }, task: { type: "worker", index: 0 } }),
    /enableDynamicWorker/,
  ],
  [
    "an index out of range",
    kubeflow("worker", 3),
    /^Cannot use TF_CONFIG: there is no worker 3 among the cluster's 3$/,
  ],
  ["an index of the chief", kubeflow("chief", 0), /there is no chief 0 among the cluster's 0/],
  [
    "no port",
    kubeflow("worker", 0, { worker: ["a", "b:1"] }),
    /^Cannot use address "a" of TF_CONFIG: expected host:port/,
  ],
  [
    "a port too large",
    kubeflow("worker", 0, { worker: ["a:65536", "b:1"] }),
    /^Cannot use address "a:65536"/,
  ],
  [
    "one address twice",
    kubeflow("worker", 0, { worker: ["a:1", "a:1"] }),
    /two of its processes have the address "a:1"/,
  ],
  [
    "no room for the coordinator",
    kubeflow("worker", 0, { worker: ["a:65000", "b:1"] }),
    /ERNIE_HEALTH_COORDINATOR$/,
  ],
  [
    "a batch script without srun",
    {
      SLURM_JOB_ID: "7",
      SLURM_NTASKS: "4",
      SLURM_PROCID: "0",
      SLURM_JOB_NODELIST: "a",
      SLURM_TASKS_PER_NODE: "4",
    },
    /^Cannot run as one of 4 tasks of Slurm: `srun` did not start this process; /,
  ],
  [
    "tasks dealt out in turn",
    slurm(1, 1, 0),
    /rank 1 is task 0 of node 1, not task 1 of node 0; .*--distribution=block:block/,
  ],
  [
    "counts that do not add up",
    { ...slurm(0, 0, 0), SLURM_STEP_NUM_TASKS: "6" },
    /^Cannot use Slurm's variables: /,
  ],
  [
    "a node list missing",
    { SLURM_PROCID: "0", SLURM_STEP_ID: "0", SLURM_NTASKS: "2" },
    /SLURM_JOB_NODELIST is missing/,
  ],
];

for (const [name, env, message] of REFUSED) {
  Deno.test(`cluster refused: ${name}`, () => {
    assert.throws(
      () => clusterFromEnvironment(env),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}

// As `scontrol show hostnames` expands them.
const NODE_LISTS: [string, string][] = [
  ["node1", "node1"],
  ["a,b", "a b"],
  ["gpu[08-11]", "gpu08 gpu09 gpu10 gpu11"],
  ["gpu[1,3-4],login,big-[099-100]", "gpu1 gpu3 gpu4 login big-099 big-100"],
  ["r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2"],
  ["n[1-2]-ib,m[3]", "n1-ib n2-ib m3"],
];

for (const [text, hosts] of NODE_LISTS) {
  Deno.test(`Slurm's node list ${text}`, () => assert.equal(expandNodeList(text).join(" "), hosts));
}

for (const text of ["gpu[1-", "gpu[2-1]", "gpu[]", "a,,b", "a[1]]", "gpu[1-a]"]) {
  Deno.test(`Slurm's node list refused: ${text}`, () => assert.throws(() => expandNodeList(text), UserError));
}
