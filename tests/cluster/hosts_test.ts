/** Four hosts with their own addresses: what listens where, a cable that is pulled, a process that is killed. */
import assert from "node:assert/strict";
import { canMakeHosts, Hosts } from "./hosts.ts";
import { exitCodes, rankEnvironment, type Running } from "./processes.ts";

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
      await launchers[0]!.printed(new RegExp(`(begin [^]*){${times}}`));
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
