import assert from "node:assert/strict";
import { lookup } from "node:dns/promises";
import { joinCluster } from "../../lib/cluster/mod.ts";
import { Heartbeat, type Wire } from "../../lib/cluster/wire.ts";
import { UserError } from "../../lib/config/mod.ts";
import { freeLoopbackPorts } from "../../lib/cluster/nodes.ts";
import { exitCodes, loopbackCluster, startRank, startRanks } from "./processes.ts";

const windows = Deno.build.os === "windows"; // signals
const HOST = Deno.hostname();

function clusterTest(name: string, fn: (stack: AsyncDisposableStack) => Promise<void>) {
  Deno.test({
    name,
    ignore: windows,
    async fn() {
      await using stack = new AsyncDisposableStack();
      await fn(stack);
    },
  });
}

clusterTest("three ranks meet, hear where to begin, and leave together", async (stack) => {
  const { ranks } = startRanks(stack, 3);
  assert.deepEqual(await exitCodes(ranks), [0, 0, 0]);
  for (const { stdout } of ranks) assert.match(stdout, /begin {"step":500,"members":3}\ndone\n$/);
});

clusterTest("rank 0 may come last; the others say whom they wait for", async (stack) => {
  const cluster = loopbackCluster(3);
  const others = [1, 2].map((rank) => stack.use(startRank(cluster, rank)));
  for (const other of others) {
    await other.printed(/Waiting for rank 0 \(127\.0\.0\.1:\d+\) to listen at 127\.0\.0\.1:\d+/);
  }
  const first = stack.use(startRank(cluster, 0));
  assert.deepEqual(await exitCodes([first, ...others]), [0, 0, 0]);
});

clusterTest("every rank names those that are missing, and gives up in time", async (stack) => {
  const cluster = loopbackCluster(4);
  const present = [0, 2].map((rank) => stack.use(startRank(cluster, rank, "--join_timeout", "2")));
  const missing = [1, 3].map((rank) => `rank ${rank} (${cluster.addresses[rank]})`).join(", ");
  assert.deepEqual(await exitCodes(present), [75, 75]);
  for (const { stderr } of present) {
    assert(stderr.includes(`Waiting for ${missing} (`), stderr);
    assert(stderr.includes(`error: Cannot start: waited 2 s in vain for ${missing}\n`), stderr);
  }
});

clusterTest("a difference is refused on all ranks, by name", async (stack) => {
  const cluster = loopbackCluster(3);
  const flags = [[], ["--corpus", "bad"], []];
  const ranks = flags.map((more, rank) => stack.use(startRank(cluster, rank, ...more)));
  assert.deepEqual(await exitCodes(ranks), [1, 1, 1]);
  const expected =
    `error: Cannot join the job: rank 1 on ${HOST} (${cluster.addresses[1]}) has corpus "bad" instead of ` +
    `"c0ffee", unlike rank 0 on ${HOST} (${cluster.addresses[0]}); start all ranks with the same\n`;
  for (const { stderr } of ranks) assert(stderr.endsWith(expected), stderr);
});

clusterTest(
  "a rank that is there already, or of another job, is refused and disturbs nobody",
  async (stack) => {
    const cluster = loopbackCluster(3);
    const [first, second] = [0, 1].map((rank) => stack.use(startRank(cluster, rank)));
    await second!.printed(/Waiting for rank 2 /);

    const twin = stack.use(startRank(cluster, 1));
    assert.equal((await twin.ended()).code, 1);
    assert.match(
      twin.stderr,
      /error: Cannot join the job: rank 1 on \S+ \(127\.0\.0\.1:\d+\) has joined already\n$/,
    );

    const others = { ...loopbackCluster(3), coordinator: cluster.coordinator };
    const stranger = stack.use(startRank(others, 2));
    assert.equal((await stranger.ended()).code, 1);
    assert.match(
      stranger.stderr,
      /Cannot join the job: the job at 127\.0\.0\.1:\d+ has another list of addresses\n$/,
    );

    const more = { ...loopbackCluster(4), coordinator: cluster.coordinator };
    const fourth = stack.use(startRank(more, 3));
    assert.equal((await fourth.ended()).code, 1);
    assert.match(fourth.stderr, /Cannot join the job: it is one of 4 ranks, the job at \S+ has 3\n$/);

    const third = stack.use(startRank(cluster, 2));
    assert.deepEqual(await exitCodes([first!, second!, third]), [0, 0, 0]);
    assert.match(first!.stderr, /Refused rank 1 from \S+ \(127\.0\.0\.1\): rank 1 on/);
  },
);

clusterTest("a rank that comes again takes its silent predecessor's place", async (stack) => {
  const cluster = loopbackCluster(3);
  const [first, hanging] = [0, 1].map((rank) => stack.use(startRank(cluster, rank, "--timeout", "8")));
  await hanging!.printed(/Waiting for rank 2 /);
  hanging!.kill("SIGSTOP"); // as after a power failure: its connection is still there
  await new Promise((resolve) => setTimeout(resolve, 6500));
  const second = stack.use(startRank(cluster, 1));
  await second.printed(/Waiting for rank 2 /);
  const third = stack.use(startRank(cluster, 2));
  assert.deepEqual(await exitCodes([first!, second, third]), [0, 0, 0]);
});

clusterTest("a rank that comes when the job has begun waits for the next start", async (stack) => {
  const { cluster, ranks } = startRanks(stack, 2, "--then", "wait");
  for (const rank of ranks) await rank.printed(/begin /);
  const early = stack.use(startRank(cluster, 1));
  await early.printed(/Waiting for another start: rank 1 on \S+ \(127\.0\.0\.1:\d+\) has joined already/);
  for (const rank of ranks) rank.kill("SIGKILL");
  await exitCodes(ranks);
  const first = stack.use(startRank(cluster, 0));
  assert.deepEqual(await exitCodes([first, early]), [0, 0]);
});

clusterTest("strangers at the port disturb nobody, before the beginning and after it", async (stack) => {
  const cluster = loopbackCluster(2);
  const [hostname, port] = cluster.coordinator.split(":");
  const knock = async (text: string | undefined) => {
    const conn = await Deno.connect({ hostname: hostname!, port: Number(port) });
    if (text === undefined) return void conn.close(); // a port scanner
    const sent = conn.write(new TextEncoder().encode(text)).catch(() => {});
    const answer = await conn.read(new Uint8Array(100)).catch(() => null);
    conn.close();
    await sent;
    assert.equal(answer, null); // shown out without a word
  };
  const strangers = async () => {
    for (
      const text of [
        undefined,
        "GET / HTTP/1.1\r\n\r\n",
        '{"type":"lost"}\n',
        "\0\xff\n",
        "x".repeat(200_000),
      ]
    ) {
      await knock(text);
    }
    await knock('{"type":"hello","protocol":1,"rank":-1,"size":2,"job":"","host":"","facts":{}}\n');
    await knock('null\n{"type":"leave"}\n');
  };
  const first = stack.use(startRank(cluster, 0, "--then", "wait"));
  await first.printed(/Waiting for rank 1 /);
  await strangers();
  const silent = await Promise.all(
    Array.from({ length: 70 }, () => Deno.connect({ hostname: hostname!, port: Number(port) })),
  );
  stack.defer(() => silent.forEach((conn) => conn.close()));
  const second = stack.use(startRank(cluster, 1, "--then", "wait"));
  for (const rank of [first, second]) await rank.printed(/begin /);
  await strangers();
  for (const rank of [first, second]) {
    assert.doesNotMatch(rank.output, /error|Refused/);
    rank.kill("SIGTERM");
  }
  assert.deepEqual(await exitCodes([first, second]), [143, 143]);
});

clusterTest("a killed rank is named on all others at once, whatever they compute", async (stack) => {
  const { cluster, ranks } = startRanks(stack, 3, "--then", "wait");
  for (const rank of ranks) await rank.printed(/begin /);
  ranks[2]!.kill("SIGKILL");
  assert.deepEqual(await exitCodes(ranks), [75, 75, 137]);
  for (const { stderr } of ranks.slice(0, 2)) {
    assert(
      stderr.endsWith(`error: Lost rank 2 on ${HOST} (${cluster.addresses[2]}): its process ended\n`),
      stderr,
    );
  }
});

clusterTest("who leaves after a loss hears of it", async (stack) => {
  const cluster = loopbackCluster(2);
  const other = stack.use(startRank(cluster, 1, "--then", "wait"));
  await assert.rejects(
    async () => {
      await using job = await joinCluster({ ...cluster, rank: 0 }, { corpus: "c0ffee", version: "1" });
      await other.printed(/begin null/);
      other.kill("SIGKILL");
      await job.failed.catch(() => {});
      await job.leave();
    },
    { name: "PeerLostError", message: `Lost rank 1 on ${HOST} (${cluster.addresses[1]}): its process ended` },
  );
});

clusterTest("the others notice that rank 0 was killed", async (stack) => {
  const { cluster, ranks } = startRanks(stack, 3, "--then", "wait");
  for (const rank of ranks) await rank.printed(/begin /);
  ranks[0]!.kill("SIGKILL");
  assert.deepEqual(await exitCodes(ranks), [137, 75, 75]);
  for (const { stderr } of ranks.slice(1)) {
    assert(
      stderr.endsWith(`error: Lost rank 0 on ${HOST} (${cluster.addresses[0]}): its process ended\n`),
      stderr,
    );
  }
});

for (const victim of [0, 1]) {
  clusterTest(`rank ${victim} hangs: the others notice its silence`, async (stack) => {
    const { cluster, ranks } = startRanks(stack, 3, "--then", "wait", "--timeout", "1.5");
    for (const rank of ranks) await rank.printed(/begin /);
    ranks[victim]!.kill("SIGSTOP");
    const others = ranks.filter((_, rank) => rank !== victim);
    assert.deepEqual(await exitCodes(others), [75, 75]);
    for (const { stderr } of others) {
      const who = `rank ${victim} on ${HOST} (${cluster.addresses[victim]})`;
      assert(
        stderr.includes(`error: Lost ${who}: nothing was heard from it for 1.5 s: it hangs, or`),
        stderr,
      );
    }
    ranks[victim]!.kill("SIGCONT"); // it finds the others gone
    assert.deepEqual(await exitCodes([ranks[victim]!]), [75]);
  });
}

const ENDINGS: [then: string, code: number, others: number, message: string][] = [
  ["mistake", 1, 1, "stopped: Cannot write: no space left"],
  ["crash", 1, 1, "stopped: x is not a function"],
  ["return", 0, 1, "stopped: it left before the end"],
  ["part", 75, 75, "stopped: Collectives broke off"], // and no news of the coordinator explain it
];

for (const [then, code, others, message] of ENDINGS) {
  for (const culprit of [0, 1]) {
    clusterTest(`rank ${culprit} ends by ${then}: the others say so`, async (stack) => {
      const { cluster, ranks } = startRanks(
        stack,
        2,
        "--then",
        then,
        "--on_rank",
        String(culprit),
        "--timeout",
        "3",
      );
      const codes = await exitCodes(ranks);
      assert.equal(codes[culprit], code);
      assert.equal(codes[1 - culprit], others);
      const { stderr } = ranks[1 - culprit]!;
      assert(
        stderr.endsWith(`error: rank ${culprit} on ${HOST} (${cluster.addresses[culprit]}) ${message}\n`),
        stderr,
      );
    });
  }
}

clusterTest("a collective that breaks off is explained by the rank that was lost", async (stack) => {
  const cluster = loopbackCluster(3);
  const ranks = [["break"], ["wait"], ["wait"]].map(([then], rank) =>
    stack.use(startRank(cluster, rank, "--then", then!))
  );
  for (const rank of ranks) await rank.printed(/begin /);
  ranks[2]!.kill("SIGKILL"); // within the seconds for which rank 0 waits for news
  assert.deepEqual(await exitCodes(ranks), [75, 75, 137]);
  assert.match(ranks[0]!.stderr, /error: Lost rank 2 on /);
});

const UNUSABLE: [name: string, coordinator: (port: number) => string, message: RegExp, ignore?: boolean][] = [
  [
    "an address of no machine here",
    (port) => `192.0.2.1:${port}`,
    /^Cannot listen at "192\.0\.2\.1:\d+" for the other ranks: it is no address of this machine \(/,
  ],
  [
    "a name that nobody knows",
    (port) => `no-such-host.invalid:${port}`,
    /^Cannot listen at "no-such-host\.invalid:\d+" for the other ranks: nobody knows "no-such-host\.invalid"$/,
  ],
  [
    "a name that means this machine to itself alone",
    (port) => `${HOST}:${port}`,
    /^Cannot listen at .* means 127\.\S+, which no other machine reaches; give addresses instead of names/,
    !(await lookup(HOST).catch(() => ({ address: "" }))).address.startsWith("127."),
  ],
];

for (const [name, coordinator, message, ignore = false] of UNUSABLE) {
  Deno.test({
    name: `rank 0 cannot listen at ${name}`,
    ignore,
    fn: async () => {
      const [port] = freeLoopbackPorts(1);
      const cluster = { rank: 0, size: 2, addresses: ["a:1", "b:1"], coordinator: coordinator(port!) };
      await assert.rejects(
        joinCluster(cluster, {}, { joinTimeout: 0.3, say: () => {} }),
        (error: Error) => error instanceof UserError && message.test(error.message),
      );
    },
  });
}

Deno.test("a port that another program uses is waited for, then refused", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const coordinator = `127.0.0.1:${other.addr.port}`;
  const lines: string[] = [];
  await assert.rejects(
    joinCluster({ rank: 0, size: 2, addresses: ["127.0.0.1:1", "127.0.0.1:2"], coordinator }, {}, {
      joinTimeout: 0.3,
      reportInterval: 0.05,
      say: (line) => lines.push(line),
    }),
    {
      name: "UserError",
      message: `Cannot listen at "${coordinator}" for the other ranks: another process uses the port`,
    },
  );
  assert.match(lines[0]!, /^Waiting for 127\.0\.0\.1:\d+, another process uses the port \(/);
});

Deno.test("time in which this process did not listen is not counted as the others' silence", async () => {
  const wire = { busy: false, send: () => Promise.resolve(), heardAt: performance.now() } as unknown as Wire;
  let silent = false;
  using _heartbeat = new Heartbeat(wire, 0.4, () => silent = true);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500); // a computation that blocks everything
  const hearing = setInterval(() => wire.heardAt = performance.now(), 20);
  await new Promise((resolve) => setTimeout(resolve, 600));
  clearInterval(hearing);
  assert(!silent);
  while (!silent) await new Promise((resolve) => setTimeout(resolve, 20)); // and now it is noticed
});
