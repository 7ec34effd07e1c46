import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  loadCheckpoint,
  loadLatestCheckpoint,
  removeLeftovers,
  saveCheckpoint,
} from "../../lib/training/checkpoint.ts";
import { type Disk, partialPath, realDisk } from "../../lib/config/mod.ts";
import { checkpointAt } from "./checkpoint_samples.ts";
import { hasSmallDisks, onSmallDisk } from "./small_disk.ts";
import { testInFolder } from "../folders.ts";

/** Paths of all files in a folder, further down too. */
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => Deno.statSync(join(folder, path)).isFile).sort();
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const hasLimits = Deno.build.os === "linux" &&
  await new Deno.Command("prlimit", { args: ["--version"] }).output().then(
    ({ success }) => success,
    () => false,
  );
const outOfSpace = () => Promise.reject(new Error("No space left on device (os error 28)"));

testInFolder("a checkpoint comes back as it was saved", async (outputDir) => {
  const folder = await saveCheckpoint(outputDir, checkpointAt(7));
  assert.equal(folder, join(outputDir, "checkpoint-7"));
  assert.deepEqual(filesIn(folder), [
    "SHA256SUMS",
    "config.json",
    "model.safetensors",
    "run.json",
    "tokenizer_config.json",
    "training_state/optimizer.safetensors",
    "training_state/run_states.json",
    "vocab.txt",
  ]);
  assert.deepEqual(await loadCheckpoint(folder), checkpointAt(7));
  assert.deepEqual(await loadLatestCheckpoint(outputDir), { ...checkpointAt(7), folder });
  assert.equal(await Deno.readTextFile(join(folder, "vocab.txt")), "[PAD]\n[UNK]\n热\n \n");
});

testInFolder(
  "the newest checkpoint wins by number, and the oldest beyond the limit go",
  async (outputDir) => {
    for (const step of [8, 9, 100]) await saveCheckpoint(outputDir, checkpointAt(step));
    await Deno.mkdir(join(outputDir, "checkpoint-final"));
    assert.equal((await loadLatestCheckpoint(outputDir))?.folder, join(outputDir, "checkpoint-100"));
    await saveCheckpoint(outputDir, checkpointAt(110), { keep: 2 });
    assert.deepEqual(names(outputDir), ["checkpoint-100", "checkpoint-110", "checkpoint-final"]);
    await saveCheckpoint(outputDir, checkpointAt(50), { keep: 1 }); // never the one just saved
    assert.deepEqual(names(outputDir), ["checkpoint-50", "checkpoint-final"]);
    await assert.rejects(saveCheckpoint(outputDir, checkpointAt(1), { keep: 0 }), {
      name: "RangeError",
      message: "Cannot keep 0 checkpoints: it must be 1 or more",
    });
  },
);

testInFolder("the best checkpoint is kept beside the newest, or as one of them", async (outputDir) => {
  for (const step of [1, 2, 3, 4]) await saveCheckpoint(outputDir, checkpointAt(step), { keep: 3, spare: 3 });
  assert.deepEqual(names(outputDir), ["checkpoint-2", "checkpoint-3", "checkpoint-4"]);
  for (const step of [5, 6, 7]) await saveCheckpoint(outputDir, checkpointAt(step), { keep: 3, spare: 3 });
  assert.deepEqual(names(outputDir), ["checkpoint-3", "checkpoint-5", "checkpoint-6", "checkpoint-7"]);
});

testInFolder("a run without checkpoints has none", async (outputDir) => {
  assert.equal(await loadLatestCheckpoint(outputDir), undefined);
  assert.equal(await loadLatestCheckpoint(join(outputDir, "missing")), undefined);
  await removeLeftovers(join(outputDir, "missing"));
  await assert.rejects(loadCheckpoint(join(outputDir, "missing")), {
    name: "UserError",
    message: `Cannot read checkpoint "${join(outputDir, "missing")}": no such folder`,
  });
});

/** Turns one bit of a file over; `at`: the byte, from the end when negative. */
async function flipBit(path: string, at: number): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 4;
  await Deno.writeFile(path, bytes);
}

/** Each does its damage to one file of a checkpoint; `reason`: what is then said of it. */
const damages: [string, (folder: string) => Promise<void>, reason: RegExp][] = [
  [
    "a model cut short",
    (folder) => Deno.truncate(join(folder, "model.safetensors"), 1000),
    /Cannot read safetensors ".*model\.safetensors": the file is cut short: .* byte \d+, the file at 1000$/,
  ],
  [
    "a bit of the model turned over",
    (folder) => flipBit(join(folder, "model.safetensors"), -1),
    /Cannot trust ".*model\.safetensors": it is not as it was written, its checksum differs$/,
  ],
  [
    "a bit of the model's header turned over",
    (folder) => flipBit(join(folder, "model.safetensors"), '\0\0\0\0\0\0\0\0{"__m'.length),
    /Cannot (read safetensors|trust) ".*model\.safetensors": /,
  ],
  [
    "an empty optimizer",
    (folder) => Deno.truncate(join(folder, "training_state/optimizer.safetensors")),
    /Cannot read safetensors ".*optimizer\.safetensors": not a safetensors file: only 0 bytes$/,
  ],
  [
    "a bit of the optimizer turned over",
    (folder) => flipBit(join(folder, "training_state/optimizer.safetensors"), 5000),
    /Cannot trust ".*optimizer\.safetensors": .* its checksum differs$/,
  ],
  [
    "no optimizer",
    (folder) => Deno.remove(join(folder, "training_state/optimizer.safetensors")),
    /Cannot read safetensors ".*optimizer\.safetensors": no such file or directory$/,
  ],
  [
    "a torn state",
    (folder) => Deno.truncate(join(folder, "training_state/run_states.json"), 10),
    /Cannot trust ".*run_states\.json": .* its checksum differs$/,
  ],
  [
    "a bit of its configuration turned over",
    (folder) => flipBit(join(folder, "config.json"), -4), // 10 becomes 14: valid, and another model
    /Cannot trust ".*config\.json": .* its checksum differs$/,
  ],
  [
    "no vocabulary",
    (folder) => Deno.remove(join(folder, "vocab.txt")),
    /Cannot read ".*vocab\.txt": no such file or directory$/,
  ],
  [
    "a tokenizer that lost its end",
    (folder) => Deno.truncate(join(folder, "tokenizer_config.json"), 5),
    /Cannot trust ".*tokenizer_config\.json": .* its checksum differs$/,
  ],
  [
    "no checksums",
    (folder) => Deno.remove(join(folder, "SHA256SUMS")),
    /Cannot trust checkpoint ".*checkpoint-\d0": its "SHA256SUMS" is missing$/,
  ],
  [
    "checksums cut short",
    (folder) => Deno.truncate(join(folder, "SHA256SUMS"), 100),
    /Cannot read ".*SHA256SUMS": line 2 is no checksum of a file$/,
  ],
  [
    "checksums that lost a line",
    async (folder) => {
      const lines = (await Deno.readTextFile(join(folder, "SHA256SUMS"))).split("\n");
      await Deno.writeTextFile(join(folder, "SHA256SUMS"), lines.slice(1).join("\n"));
    },
    /Cannot trust ".*model\.safetensors": it has no checksum in SHA256SUMS$/,
  ],
];

for (const [name, damage, reason] of damages) {
  testInFolder(`a checkpoint with ${name} is reported and the one before taken`, async (outputDir) => {
    for (const step of [10, 20]) await saveCheckpoint(outputDir, checkpointAt(step));
    await damage(join(outputDir, "checkpoint-20"));
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const folder = join(outputDir, "checkpoint-10");
    assert.deepEqual(await loadLatestCheckpoint(outputDir, { warn }), { ...checkpointAt(10), folder });
    assert.equal(warnings.length, 2);
    assert.match(warnings[0]!, reason);
    assert.ok(
      warnings[0]!.startsWith(
        `Checkpoint "${outputDir}/checkpoint-20" is damaged and left as it is: Cannot `,
      ),
    );
    assert.equal(warnings[1], `Going on from checkpoint "${folder}" instead`);
    assert.deepEqual(names(outputDir), ["checkpoint-10", "checkpoint-20"]);

    await damage(folder);
    await assert.rejects(loadLatestCheckpoint(outputDir, { warn }), {
      name: "UserError",
      message: `Cannot resume the run in "${outputDir}": all of its checkpoints (2) are damaged; ` +
        "remove them or choose another --output_dir to start afresh",
    });

    await saveCheckpoint(outputDir, checkpointAt(20)); // takes the damaged one's place
    assert.deepEqual(await loadCheckpoint(join(outputDir, "checkpoint-20")), checkpointAt(20));
  });
}

testInFolder(
  "a bit turned over in any byte of any small file is noticed",
  async (outputDir) => {
    const folder = await saveCheckpoint(outputDir, checkpointAt(1));
    for (const name of filesIn(folder).filter((name) => !name.endsWith(".safetensors"))) {
      const { length } = await Deno.readFile(join(folder, name));
      for (let at = 0; at < length; at++) {
        await flipBit(join(folder, name), at);
        await assert.rejects(loadCheckpoint(folder), { name: "UserError" }, `byte ${at} of ${name}`);
        await flipBit(join(folder, name), at);
      }
    }
    assert.deepEqual(await loadCheckpoint(folder), checkpointAt(1));
  },
);

testInFolder("its checksums are those that coreutils compute", async (outputDir) => {
  const folder = await saveCheckpoint(outputDir, checkpointAt(1));
  const check = () =>
    new Deno.Command("sha256sum", { args: ["--check", "--strict", "SHA256SUMS"], cwd: folder }).output();
  const { success, stdout } = await check();
  assert.ok(success);
  const files = filesIn(folder).filter((name) => name !== "SHA256SUMS");
  assert.deepEqual(
    new TextDecoder().decode(stdout).trim().split("\n").sort(),
    files.map((name) => `${name}: OK`),
  );
}, Deno.build.os !== "linux");

testInFolder(
  "a checkpoint from before there were checksums loads, checked by its formats",
  async (outputDir) => {
    const folder = await saveCheckpoint(outputDir, checkpointAt(3)), states = join(folder, "run_states.json");
    for (const name of names(join(folder, "training_state"))) { // beside the weights in those days
      await Deno.rename(join(folder, "training_state", name), join(folder, name));
    }
    await Deno.remove(join(folder, "training_state"));
    const state = JSON.parse(await Deno.readTextFile(states));
    delete state.checksums;
    await Deno.writeTextFile(states, JSON.stringify(state));
    await Deno.remove(join(folder, "SHA256SUMS"));
    await Deno.remove(join(folder, "tokenizer_config.json"));
    const { files: _files, ...expected } = checkpointAt(3);
    assert.deepEqual(await loadCheckpoint(folder), expected);
    for (
      const [name, length, reason] of [
        ["run_states.json", 10, /it is not valid JSON$/],
        ["model.safetensors", 1000, /the file is cut short/],
      ] as const
    ) {
      const whole = await Deno.readFile(join(folder, name));
      await Deno.truncate(join(folder, name), length);
      await assert.rejects(loadCheckpoint(folder), reason);
      await Deno.writeFile(join(folder, name), whole);
    }
  },
);

testInFolder("a disk that takes little at a time gets all of it, checksums too", async (outputDir) => {
  const disk: Disk = {
    ...realDisk,
    open: async (path, options) => {
      const file = await realDisk.open(path, options);
      return {
        write: (chunk) => file.write(chunk.subarray(0, 10_007)),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
  const folder = await saveCheckpoint(outputDir, checkpointAt(1), { disk });
  assert.deepEqual(await loadCheckpoint(folder), checkpointAt(1));
});

testInFolder("an old checkpoint that cannot be removed is said and costs nothing else", async (outputDir) => {
  for (const step of [1, 2]) await saveCheckpoint(outputDir, checkpointAt(step));
  const disk: Disk = {
    ...realDisk,
    rename: (from, to) =>
      from.endsWith("checkpoint-1")
        ? Promise.reject(new Error("Operation not permitted (os error 1)"))
        : realDisk.rename(from, to),
  };
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const folder = await saveCheckpoint(outputDir, checkpointAt(3), { keep: 2, disk, warn });
  assert.deepEqual(warnings, [
    `Cannot remove old checkpoint "${outputDir}/checkpoint-1": operation not permitted; the next save tries again`,
  ]);
  assert.deepEqual(await loadCheckpoint(folder), checkpointAt(3));
  await saveCheckpoint(outputDir, checkpointAt(4), { keep: 2, warn: assert.fail });
  assert.deepEqual(names(outputDir), ["checkpoint-3", "checkpoint-4"]);
});

testInFolder("a half-made checkpoint that lay around does not get into the next one", async (outputDir) => {
  const partial = partialPath(join(outputDir, "checkpoint-5"));
  await Deno.mkdir(partial);
  await Deno.writeTextFile(join(partial, "stray.json"), "{}");
  const folder = await saveCheckpoint(outputDir, checkpointAt(5));
  assert.ok(!names(folder).includes("stray.json"));
});

testInFolder(
  "whichever disk operation fails, earlier checkpoints stay and nothing else does",
  async (outputDir) => {
    await saveCheckpoint(outputDir, checkpointAt(1));
    await saveCheckpoint(outputDir, checkpointAt(2));
    let operations = 0;
    let failing = Infinity;
    const count = <T>(operation: () => Promise<T>): Promise<T> =>
      ++operations === failing ? outOfSpace() : operation();
    const disk: Disk = {
      open: (path, options) =>
        count(async () => {
          const file = await realDisk.open(path, options);
          return {
            write: (chunk) => count(() => file.write(chunk)),
            sync: () => count(() => file.sync()),
            close: () => file.close(),
          };
        }),
      rename: (from, to) => count(() => realDisk.rename(from, to)),
    };
    for (const step of [2, 3]) { // a step that is there already, and a new one
      for (failing = 1;; failing++) {
        operations = 0;
        const fault = await saveCheckpoint(outputDir, checkpointAt(step), { disk }).then(
          () => null,
          (error) => error,
        );
        if (fault === null) break; // it got past its last operation
        assert.equal(fault.name, "UserError");
        assert.equal(
          fault.message,
          `Cannot save checkpoint "${outputDir}/checkpoint-${step}": no space left on device; ` +
            "earlier checkpoints are untouched: mend the cause, then the same command goes on from the last one",
        );
        assert.deepEqual(names(outputDir), ["checkpoint-1", "checkpoint-2"]);
      }
      assert.ok(operations > 20, `${operations} operations were tried`);
    }
    for (const step of [1, 2, 3]) {
      assert.deepEqual(await loadCheckpoint(join(outputDir, `checkpoint-${step}`)), checkpointAt(step));
    }
  },
);

testInFolder(
  "leftovers of killed runs are cleared away, a replaced checkpoint comes back",
  async (outputDir) => {
    await saveCheckpoint(outputDir, checkpointAt(10));
    await saveCheckpoint(outputDir, checkpointAt(20));
    await Deno.mkdir(partialPath(join(outputDir, "checkpoint-30")));
    await Deno.mkdir(join(outputDir, ".checkpoint-10.replaced")); // its successor is there
    await Deno.rename(join(outputDir, "checkpoint-20"), join(outputDir, ".checkpoint-20.replaced")); // not
    await Deno.writeTextFile(join(outputDir, "train.log"), "");
    await removeLeftovers(outputDir);
    assert.deepEqual(names(outputDir), ["checkpoint-10", "checkpoint-20", "train.log"]);
    assert.deepEqual(await loadCheckpoint(join(outputDir, "checkpoint-20")), checkpointAt(20));
  },
);

testInFolder("a run killed at any moment leaves a complete, exact checkpoint", async (outputDir) => {
  const script = fileURLToPath(new URL("./save_forever.ts", import.meta.url));
  let next = 1;
  let leftovers = 0;
  for (let round = 0; round < 6 || (leftovers === 0 && round < 50); round++) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, outputDir, String(next)],
      stdout: "piped",
    }).spawn();
    for await (const _ of child.stdout) break; // "saved"
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150)); // ms; two or three saves
    child.kill("SIGKILL");
    await child.status;

    const warn = (message: string) => assert.fail(message);
    const { folder, ...latest } = (await loadLatestCheckpoint(outputDir, { warn }))!;
    const { step } = latest;
    assert.ok(step >= next, `step ${step} is at least the ${next} that was said to be saved`);
    assert.deepEqual(latest, checkpointAt(step));
    assert.equal(folder, join(outputDir, `checkpoint-${step}`));
    leftovers += names(outputDir).filter((name) => name.startsWith(".")).length;
    await removeLeftovers(outputDir);
    const kept = names(outputDir);
    assert.ok(kept.length <= 3 && kept.every((name) => /^checkpoint-\d+$/.test(name)), String(kept));
    next = step + 1;
  }
  assert.ok(leftovers > 0, "a kill fell into a save");
});

testInFolder("a disk that is really full keeps the previous checkpoint", async (outputDir) => {
  const mounted = await onSmallDisk("1m", outputDir, async () => {
    await saveCheckpoint(outputDir, checkpointAt(1)); // takes 0.6 MB
    await assert.rejects(saveCheckpoint(outputDir, checkpointAt(2)), {
      name: "UserError",
      message: `Cannot save checkpoint "${outputDir}/checkpoint-2": no space left on device; earlier ` +
        "checkpoints are untouched: mend the cause, then the same command goes on from the last one",
    });
    assert.deepEqual(names(outputDir), ["checkpoint-1"]);
    assert.deepEqual(await loadCheckpoint(join(outputDir, "checkpoint-1")), checkpointAt(1));
  });
  assert.ok(mounted);
}, !await hasSmallDisks());

testInFolder("where files may not grow the run lives on, and saves once they may", async (outputDir) => {
  await saveCheckpoint(outputDir, checkpointAt(1));
  const script = fileURLToPath(new URL("./save_limited.ts", import.meta.url));
  // Without the trap the system would end the process; a file of the checkpoint takes 200 kB or 400 kB.
  const { success, stdout } = await new Deno.Command("bash", {
    args: [
      "-c",
      `trap '' XFSZ; ulimit -S -f 300; exec "$@"`,
      "bash",
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      script,
      outputDir,
      "2",
    ],
  }).output();
  assert.ok(success);
  assert.equal(
    new TextDecoder().decode(stdout),
    `UserError: Cannot save checkpoint "${outputDir}/checkpoint-2": file too large; earlier checkpoints are ` +
      "untouched: mend the cause, then the same command goes on from the last one\ncheckpoint-1\n",
  );
  for (const step of [1, 2]) {
    assert.deepEqual(await loadCheckpoint(join(outputDir, `checkpoint-${step}`)), checkpointAt(step));
  }
}, !hasLimits);
