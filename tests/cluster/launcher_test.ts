import assert from "node:assert/strict";
import { UserError } from "../../lib/config/mod.ts";
import { parseFlags, splitCommand } from "../../tasks/flags.ts";
import { devicesOf, LAUNCH_OPTIONS, nodesOf } from "../../tasks/launch.ts";
import { freeLoopbackPorts } from "../../lib/cluster/nodes.ts";
import { exitCodes, Running } from "./processes.ts";

const windows = Deno.build.os === "windows"; // signals
const CORES = navigator.hardwareConcurrency;

function launchTest(name: string, fn: (stack: AsyncDisposableStack, folder: string) => Promise<void>) {
  Deno.test({
    name: `launch: ${name}`,
    ignore: windows,
    async fn() {
      await using stack = new AsyncDisposableStack();
      const folder = await Deno.makeTempDir();
      stack.defer(() => Deno.remove(folder, { recursive: true }));
      await fn(stack, folder);
    },
  });
}

/** Starts the launcher; the words are its flags, `rank`, and `rank.ts`'s flags. */
function startLaunch(stack: AsyncDisposableStack, words: string, env: Record<string, string> = {}): Running {
  return stack.use(new Running(["tests/cluster/launch_rank.ts", ...words.split(" ")], env));
}

async function allBegun(launcher: Running, times = 1): Promise<void> {
  await launcher.printed(new RegExp(`(begin [^]*){${times}}`)); // rank 0 says it; the others at the same moment
}

launchTest("rank 0 speaks for all, the others' output goes to files", async (stack, folder) => {
  const launcher = startLaunch(stack, `--workers 3 --log_dir ${folder}/logs rank`);
  assert.deepEqual(await exitCodes([launcher]), [0]);
  const threads = Math.max(1, Math.floor(CORES / 3));
  assert.equal(
    launcher.stdout,
    `rank 0 of 3, ${threads} threads, device cpu "-1"\nbegin {"step":500,"members":3}\ndone\n`,
  );
  assert.match(launcher.stderr, /^warning of rank 0$/m);
  assert.match(launcher.stderr, /^\[rank 2\] warning of rank 2$/m);
  const log = await Deno.readTextFile(`${folder}/logs/rank-2.log`);
  for (
    const line of ["warning of rank 2\n", `rank 2 of 3, ${threads} threads, device cpu "-1"\n`, "\ndone\n"]
  ) {
    assert(log.includes(line), log);
  }
});

launchTest("a process on each GPU", async (stack, folder) => {
  const launcher = startLaunch(stack, `--gpus 3,5 --log_dir ${folder} rank --num_threads 4`);
  assert.deepEqual(await exitCodes([launcher]), [0]);
  assert.match(launcher.stdout, /^rank 0 of 2, 4 threads, device gpu "3"$/m);
  assert.match(await Deno.readTextFile(`${folder}/rank-1.log`), /rank 1 of 2, 4 threads, device gpu "5"$/m);
});

launchTest("one process is no cluster", async (stack) => {
  const launcher = startLaunch(stack, "--workers 1 rank", { SLURM_PROCID: "0", SLURM_NTASKS: "1" });
  assert.deepEqual(await exitCodes([launcher]), [0]);
  assert.match(launcher.stdout, /^rank 0 of 1, /);
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  launchTest(`${signal} ends all processes once`, async (stack) => {
    const launcher = startLaunch(stack, "--workers 2 --max_restarts 3 rank --then wait");
    await allBegun(launcher);
    launcher.kill(signal);
    assert.deepEqual(await exitCodes([launcher]), [code]);
    assert.equal(launcher.stderr.match(/^Stopping; Ctrl-C again stops at once$/gm)?.length, 2); // launcher, rank 0
    assert.equal(launcher.stderr.match(/^\[rank 1\] Stopping/gm)?.length, 1);
    assert.doesNotMatch(launcher.stderr, /again \(restart/);
  });
}

launchTest("a killed process ends the job with its status", async (stack) => {
  const launcher = startLaunch(stack, "--workers 3 rank --then wait");
  await allBegun(launcher);
  Deno.kill((await launcher.children())[1]!, "SIGKILL");
  assert.deepEqual(await exitCodes([launcher]), [137]);
  assert.match(launcher.stderr, /^error: Lost rank 1 on /m);
  assert.match(launcher.stderr, /^\[rank 2\] error: Lost rank 1 on /m);
});

launchTest("a killed process is restarted with all others", async (stack, folder) => {
  const launcher = startLaunch(
    stack,
    `--workers 3 --max_restarts 2 rank --then wait --first_time ${folder}/been`,
  );
  await allBegun(launcher);
  Deno.kill((await launcher.children())[2]!, "SIGKILL");
  assert.deepEqual(await exitCodes([launcher]), [0]);
  assert.match(
    launcher.stderr,
    /^Rank 2 was killed by SIGKILL; starting all processes again \(restart 1 of 2\)$/m,
  );
  assert.match(launcher.stdout, /done\n$/);
});

launchTest("a hanging process is ended, and all start again", async (stack, folder) => {
  const launcher = startLaunch(
    stack,
    `--workers 2 --max_restarts 1 rank --then wait --timeout 1.5 --first_time ${folder}/been`,
  );
  await allBegun(launcher);
  Deno.kill((await launcher.children())[1]!, "SIGSTOP");
  assert.deepEqual(await exitCodes([launcher]), [0]);
  assert.match(launcher.stderr, /^error: Lost rank 1 on .* nothing was heard from it for 1\.5 s/m);
  assert.match(
    launcher.stderr,
    /^Rank 0 ended with status 75; starting all processes again \(restart 1 of 1\)$/m,
  );
});

launchTest("restarts are counted", async (stack) => {
  const launcher = startLaunch(stack, "--workers 2 --max_restarts 1 rank --then wait");
  for (const attempt of [1, 2]) {
    await allBegun(launcher, attempt);
    Deno.kill((await launcher.children())[0]!, "SIGKILL");
  }
  assert.deepEqual(await exitCodes([launcher]), [137]);
  assert.match(
    launcher.stderr,
    /\(restart 1 of 1\)\n[^]*^Rank 0 was killed by SIGKILL; all 1 restarts are used up$/m,
  );
});

for (const then of ["mistake", "crash"]) {
  launchTest(`what would fail again is not tried again: ${then}`, async (stack) => {
    const launcher = startLaunch(stack, `--workers 2 --max_restarts 5 rank --then ${then} --on_rank 1`);
    assert.deepEqual(await exitCodes([launcher]), [1]);
    assert.match(
      launcher.stderr,
      /^Rank \d ended with status 1; it would fail again, so the job is not started again$/m,
    );
    assert.doesNotMatch(launcher.stderr, /starting all/);
  });
}

launchTest("a second signal leaves no process behind", async (stack) => {
  const launcher = startLaunch(stack, "--workers 2 rank --then wait");
  await allBegun(launcher);
  const children = await launcher.children();
  for (const child of children) Deno.kill(child, "SIGSTOP"); // as if saving took long
  launcher.kill("SIGTERM");
  await launcher.printed(/Stopping/);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // within a second it would count as the same
  launcher.kill("SIGTERM");
  assert.deepEqual(await exitCodes([launcher]), [143]);
  const gone = async (child: number) => {
    const state = await Deno.readTextFile(`/proc/${child}/stat`).catch(() => "");
    return /^$|\) Z /.test(state);
  };
  for (const child of children) {
    for (let tries = 0; !await gone(child); tries++) {
      assert(tries < 100, `Process ${child} is still there`);
      await new Promise((resolve) => setTimeout(resolve, 50)); // dying takes a moment
    }
  }
});

launchTest(
  "machines meet at the master, tell who is missing, and restart together",
  async (stack, folder) => {
    const [port] = freeLoopbackPorts(1);
    const words = (node: number, workers: number) =>
      `--workers ${workers} --nnodes 2 --node_rank ${node} --master 127.0.0.1:${port} --max_restarts 1 ` +
      `--log_dir ${folder} rank --then wait --first_time ${folder}/been`;
    const second = startLaunch(stack, words(1, 2));
    await second.printed(/Waiting for rank 0 \(127\.0\.0\.1:\d+\) to listen/);
    const first = startLaunch(stack, words(0, 1));
    await allBegun(first);
    assert.match(first.stdout, /^rank 0 of 3, /);
    await second.printed(/\[rank 1\][^]*\[rank 2\]|\[rank 2\][^]*\[rank 1\]/);
    Deno.kill((await second.children())[1]!, "SIGKILL");
    assert.deepEqual(await exitCodes([first, second]), [0, 0]);
    assert.match(first.stderr, /Rank 0 ended with status 75; starting all processes again/);
    assert.match(second.stderr, /Rank 2 was killed by SIGKILL; starting all processes again/);
    assert.match(first.stdout, /done\n$/);
  },
);

launchTest(
  "a mistake on one machine ends the processes of the other, even before they have met",
  async (stack) => {
    const [port] = freeLoopbackPorts(1);
    const words = (node: number, flags: string) =>
      `--workers 1 --nnodes 2 --node_rank ${node} --master 127.0.0.1:${port} --max_restarts 3 rank ${flags}`;
    const nodes = ["--then wait", "--no_such_flag"].map((flags, node) =>
      startLaunch(stack, words(node, flags))
    );
    assert.deepEqual(await exitCodes(nodes), [1, 1]);
    assert.match(nodes[1]!.stderr, /Rank 1 ended with status 1; it would fail again/);
    assert.match(
      nodes[0]!.stderr,
      /rank 1 \(--node_rank 1\)|rank 1 on \S+ \(--node_rank 1\) stopped: rank 1 ended with status 1/i,
    );
  },
);

launchTest("machines with different flags are refused", async (stack) => {
  const [port] = freeLoopbackPorts(1);
  const nodes = [0, 1].map((node) =>
    startLaunch(
      stack,
      `--workers 1 --nnodes 2 --node_rank ${node} --master 127.0.0.1:${port} --max_restarts ${node} rank`,
    )
  );
  assert.deepEqual(await exitCodes(nodes), [1, 1]);
  for (const { stderr } of nodes) {
    assert.match(stderr, /has --max_restarts "1" instead of "0", unlike rank 0 on /);
  }
});

launchTest("under a scheduler, its workers are the machines", async (stack, folder) => {
  const [a, b, coordinator] = freeLoopbackPorts(3);
  const worker = [`127.0.0.1:${a}`, `127.0.0.1:${b}`];
  const nodes = [0, 1].map((index) =>
    startLaunch(stack, `--workers 2 --log_dir ${folder} rank`, {
      TF_CONFIG: JSON.stringify({ cluster: { worker }, task: { type: "worker", index } }),
      ERNIE_HEALTH_COORDINATOR: `127.0.0.1:${coordinator}`,
    })
  );
  assert.deepEqual(await exitCodes(nodes), [0, 0]);
  assert.match(await Deno.readTextFile(`${folder}/rank-3.log`), /rank 3 of 4, /);
});

launchTest("the task itself refuses other commands", async (stack) => {
  const run = (words: string) =>
    stack.use(new Running(["tasks/launch.ts", ...words.split(" ").filter(Boolean)]));
  for (
    const [words, message] of [
      ["--workers 2 pretrian --seed 7", 'Cannot launch "pretrian": did you mean pretrain?'],
      ["--workers 2 preprocess", 'Cannot launch "preprocess": '],
      ["--workers 2", "Cannot go on without a command to launch"],
      ["--wokers 2 pretrain", "Unknown option --wokers: did you mean --workers?"],
      ["pretrain --workers 2", "Cannot go on without --gpus 0,1,… or --workers"],
    ]
  ) {
    const launcher = run(words!);
    assert.deepEqual(await exitCodes([launcher]), [1]);
    assert(launcher.stderr.startsWith(`error: ${message}`), launcher.stderr);
  }
  const help = run("--help");
  assert.deepEqual(await exitCodes([help]), [0]);
  assert.match(help.stdout, /Usage: deno task launch \[options\] <a command and its flags>\n/);
});

const SPLITS: [string, string, string][] = [
  ["--workers 2 pretrain --seed 7", "--workers 2", "pretrain --seed 7"],
  ["--gpus=0,1 --max-restarts 3 pretrain", "--gpus=0,1 --max-restarts 3", "pretrain"],
  ["--devices 0,1 pretrain --help", "--devices 0,1", "pretrain --help"],
  ["--help", "--help", ""],
  ["-h pretrain", "-h", "pretrain"],
  ["pretrain --workers 2", "", "pretrain --workers 2"],
];

for (const [line, own, command] of SPLITS) {
  Deno.test(`the launcher's own flags: ${line}`, () => {
    const [first, rest] = splitCommand(line.split(" "), LAUNCH_OPTIONS);
    assert.deepEqual([first.join(" "), rest.join(" ")], [own, command]);
  });
}

const MISTAKES: [string, RegExp][] = [
  ["--workers 2 --gpus 0,1", /^Cannot use both --gpus and --workers/],
  ["--gpus 0,0", /^Cannot use --gpus "0,0": give each GPU once/],
  ["--gpus 0,,1", /^Cannot use --gpus "0,,1"/],
  [
    "--workers 2 --nnodes 2 --node_rank 2 --master a:1",
    /^Cannot use --node_rank 2: 2 machines have the numbers 0 to 1$/,
  ],
  ["--workers 2 --nnodes 2 --node_rank 1", /^Cannot use --nnodes without --node_rank and --master/],
  ["--workers 2 --node_rank 1", /^Cannot use --node_rank and --master without --nnodes/],
];

for (const [line, message] of MISTAKES) {
  Deno.test(`launch refused: ${line}`, () => {
    const options = parseFlags(line.split(" "), LAUNCH_OPTIONS);
    assert(options !== "help");
    assert.throws(
      () => [devicesOf(options), nodesOf(options, {})],
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  });
}
