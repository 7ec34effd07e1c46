/** Four hosts with their own addresses: what listens where, a cable that is pulled, a process that is killed. */
import assert from "node:assert/strict";
import { canMakeHosts, Hosts } from "./hosts.ts";
import { exitCodes, rankEnvironment, type Running } from "./processes.ts";
import { assertEachOnce, checkpointsOf, environment, launchedRun } from "./small_run.ts";

const ignore = !await canMakeHosts(); // not Linux, or not root

function hostsTest(
  name: string,
  fn: (hosts: Hosts, stack: AsyncDisposableStack, folder: string) => Promise<void>,
) {
  Deno.test({
    name: `four hosts: ${name}`,
    ignore,
    async fn() {
      await using stack = new AsyncDisposableStack();
      const folder = await Deno.makeTempDir();
      stack.defer(() => Deno.remove(folder, { recursive: true }));
      const hosts = stack.use(await Hosts.make(4));
      await fn(hosts, stack, folder);
    },
  });
}

/** Starts `rank.ts` on each host. */
async function startRanks(hosts: Hosts, stack: AsyncDisposableStack, ...flags: string[]): Promise<Running[]> {
  const addresses = Array.from({ length: hosts.count }, (_, host) => `${hosts.address(host)}:2222`);
  const cluster = { size: hosts.count, addresses, coordinator: `${hosts.address(0)}:3222` };
  const ranks = addresses.map((_, host) =>
    stack.use(hosts.start(host, ["tests/cluster/rank.ts", ...flags], rankEnvironment(cluster, host)))
  );
  for (const rank of ranks) await rank.printed(/begin /);
  return ranks;
}

hostsTest("nothing listens but rank 0, at the address given", async (hosts, stack) => {
  const ranks = await startRanks(hosts, stack, "--then", "wait");
  const listeners = [];
  for (let host = 0; host < hosts.count; host++) {
    const lines = (await hosts.output(host, "ss -H -l -t -u -n")).trim().split("\n").filter(Boolean);
    listeners.push(lines.map((line) => line.split(/\s+/)[4]));
  }
  assert.deepEqual(listeners, [["10.77.0.1:3222"], [], [], []]);
  for (const rank of ranks) rank.kill("SIGTERM");
  assert.deepEqual(await exitCodes(ranks), [143, 143, 143, 143]);
});

hostsTest("a cable pulled for less than the timeout does no harm", async (hosts, stack) => {
  const ranks = await startRanks(hosts, stack, "--then", "wait", "--timeout", "20");
  for (const host of [0, 2]) await hosts.cut(host, 1.5);
  for (const rank of ranks) rank.kill("SIGTERM");
  assert.deepEqual(await exitCodes(ranks), [143, 143, 143, 143]);
  for (const { output } of ranks) assert.match(output, /done\n$/);
});

hostsTest("a cable pulled for longer stops all, each naming whom it lost", async (hosts, stack) => {
  const ranks = await startRanks(hosts, stack, "--then", "wait", "--timeout", "2");
  await hosts.plug(2, false);
  assert.deepEqual(await exitCodes(ranks), [75, 75, 75, 75]);
  for (const rank of [0, 1, 3]) {
    assert.match(
      ranks[rank]!.stderr,
      /^error: Lost rank 2 on \S+ \(10\.77\.0\.3:2222\): nothing was heard from it for 2 s/m,
    );
  }
  assert.match(ranks[2]!.stderr, /^error: Lost rank 0 on \S+ \(10\.77\.0\.1:2222\): nothing was heard/m);
});

hostsTest(
  "launchers bring the job back after a kill and a pulled cable, and stop it",
  async (hosts, stack, folder) => {
    const flags = (host: number) =>
      `--workers 1 --nnodes 4 --node_rank ${host} --master 10.77.0.1:29500 --max_restarts 2 --log_dir ${folder} ` +
      "rank --then wait --timeout 2";
    const launchers = [0, 1, 2, 3].map((host) =>
      stack.use(hosts.start(host, ["tests/cluster/launch_rank.ts", ...flags(host).split(" ")]))
    );
    const begun = async (times: number) => {
      await launchers[0]!.printedTimes("begin ", times);
      for (const rank of [1, 2, 3]) {
        for (let tries = 0;; tries++) {
          const log = await Deno.readTextFile(`${folder}/rank-${rank}.log`).catch(() => "");
          if (log.split("begin ").length > times) break;
          assert(tries < 300, log);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    await begun(1);
    const [victim] = await launchers[3]!.children();
    Deno.kill(victim!, "SIGKILL");
    await begun(2);
    await hosts.cut(1, 4);
    await begun(3);
    for (const launcher of launchers) launcher.kill("SIGTERM");
    assert.deepEqual(await exitCodes(launchers), [143, 143, 143, 143]);
    assert.match(
      launchers[3]!.stderr,
      /^Rank 3 was killed by SIGKILL; starting all processes again \(restart 1 of 2\)$/m,
    );
    assert.match(launchers[0]!.stderr, /^error: Lost rank 1 on \S+ \(10\.77\.0\.2:\d+\): nothing was heard/m);
    assert.match(launchers[0]!.stdout, /done\n$/);
  },
);

hostsTest(
  "training goes on after a cut and a kill, stops when cut for too long and at SIGTERM, no sentence lost or repeated",
  async (hosts, stack) => {
    const OUTPUT = "hosts";
    const start = (launcher: string, pretrain: string) =>
      [0, 1, 2, 3].map((host) => {
        const nodes = `--workers 1 --nnodes 4 --node_rank ${host} --master 10.77.0.1:29500 ${launcher}`;
        const words = launchedRun(OUTPUT, nodes, `--max_steps 5000 ${pretrain}`);
        return stack.use(hosts.start(host, words, environment));
      });
    const stepsOf = ({ output }: Running) => output.split("global step ").length - 1;
    const reached = (launchers: Running[], steps: number) =>
      launchers[0]!.printedTimes("global step ", steps);

    const patient = start("--max_restarts 1", "--timeout 30");
    await reached(patient, 5);
    for (const host of [0, 1, 2, 3]) {
      const port = 29502 + host; // that of TensorFlow's server, which opens it at all addresses
      assert.ok(await hosts.reaches(host, hosts.address(host), port));
      assert.ok(!await hosts.reaches(host, "127.0.0.1", port));
    }
    const before = stepsOf(patient[0]!);
    await hosts.cut(2, 5);
    await reached(patient, before + 15);
    assert.doesNotMatch(patient[3]!.output, /starting all processes again/);
    const [victim] = await patient[3]!.children();
    Deno.kill(victim!, "SIGKILL");
    await patient[0]!.printed(/Going on from [^]*global step/);
    assert.match(patient[3]!.stderr, /^Rank 3 was killed by SIGKILL; starting all processes again/m);
    for (const launcher of patient) launcher.kill("SIGTERM");
    assert.deepEqual(await exitCodes(patient), [143, 143, 143, 143], patient[0]!.output);
    assertStoppedAtACheckpoint(OUTPUT, patient[0]!);

    const impatient = start("", "--timeout 2");
    await reached(impatient, 12);
    await hosts.cut(1, 5);
    assert.deepEqual(await exitCodes(impatient), [75, 75, 75, 75], impatient[0]!.output);
    assert.match(
      impatient[0]!.stderr,
      /^error: Lost rank 1 on \S+ \(10\.77\.0\.2:\d+\): nothing was heard from it for 2 s/m,
    );

    const last = start("", "");
    await reached(last, 20);
    for (const launcher of last) launcher.kill("SIGTERM");
    assert.deepEqual(await exitCodes(last), [143, 143, 143, 143], last[0]!.output);
    assertStoppedAtACheckpoint(OUTPUT, last[0]!);
    await assertEachOnce(OUTPUT);
  },
);

/** The newest checkpoint is of the last step that was made. */
function assertStoppedAtACheckpoint(output: string, launcher: Running): void {
  const last = [...launcher.output.matchAll(/global step (\d+)/g)].at(-1)![1];
  assert.equal(checkpointsOf(output).at(-1), Number(last));
}
