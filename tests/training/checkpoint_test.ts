import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  latestCheckpoint,
  loadCheckpoint,
  removeLeftovers,
  saveCheckpoint,
} from "../../lib/training/checkpoint.ts";
import { type Disk, partialPath, realDisk } from "../../lib/config/mod.ts";
import { checkpointAt } from "./checkpoint_samples.ts";
import { hasSmallDisks, onSmallDisk } from "./small_disk.ts";
import { testInFolder } from "../folders.ts";

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const outOfSpace = () => Promise.reject(new Error("No space left on device (os error 28)"));

testInFolder("a checkpoint comes back as it was saved", async (outputDir) => {
  const folder = await saveCheckpoint(outputDir, checkpointAt(7));
  assert.equal(folder, join(outputDir, "checkpoint-7"));
  assert.deepEqual(names(folder), [
    "config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "run.json",
    "run_states.json",
    "vocab.txt",
  ]);
  assert.equal(await latestCheckpoint(outputDir), folder);
  assert.deepEqual(await loadCheckpoint(folder), checkpointAt(7));
  assert.equal(await Deno.readTextFile(join(folder, "vocab.txt")), "[PAD]\n[UNK]\n热\n \n");
});

testInFolder(
  "the newest checkpoint wins by number, and the oldest beyond the limit go",
  async (outputDir) => {
    for (const step of [8, 9, 100]) await saveCheckpoint(outputDir, checkpointAt(step));
    await Deno.mkdir(join(outputDir, "checkpoint-final"));
    assert.equal(await latestCheckpoint(outputDir), join(outputDir, "checkpoint-100"));
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

testInFolder("a run without checkpoints has none", async (outputDir) => {
  assert.equal(await latestCheckpoint(outputDir), undefined);
  assert.equal(await latestCheckpoint(join(outputDir, "missing")), undefined);
  await removeLeftovers(join(outputDir, "missing"));
  await assert.rejects(loadCheckpoint(join(outputDir, "missing")), {
    name: "UserError",
    message: `Cannot read checkpoint "${join(outputDir, "missing")}": no such folder`,
  });
});

const damages: [string, (folder: string) => Promise<void>, RegExp][] = [
  [
    "a model cut short",
    (folder) => Deno.truncate(join(folder, "model.safetensors"), 1000),
    /Cannot read safetensors ".*model\.safetensors": the file is cut short: .* byte \d+, the file at 1000$/,
  ],
  [
    "an empty optimizer",
    (folder) => Deno.truncate(join(folder, "optimizer.safetensors")),
    /Cannot read safetensors ".*optimizer\.safetensors": not a safetensors file: only 0 bytes$/,
  ],
  [
    "a torn state",
    (folder) => Deno.truncate(join(folder, "run_states.json"), 10),
    /Cannot read ".*run_states\.json": it is not valid JSON$/,
  ],
  [
    "no vocabulary",
    (folder) => Deno.remove(join(folder, "vocab.txt")),
    /Cannot read ".*vocab\.txt": no such file or directory$/,
  ],
];

for (const [name, damage, reason] of damages) {
  testInFolder(`a checkpoint with ${name} is reported and the one before taken`, async (outputDir) => {
    for (const step of [10, 20]) await saveCheckpoint(outputDir, checkpointAt(step));
    await damage(join(outputDir, "checkpoint-20"));
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    assert.equal(await latestCheckpoint(outputDir, { warn }), join(outputDir, "checkpoint-10"));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, reason);
    assert.ok(
      warnings[0]!.startsWith(
        `Skipped checkpoint "${outputDir}/checkpoint-20", going on from the one before: `,
      ),
    );

    await damage(join(outputDir, "checkpoint-10"));
    await assert.rejects(latestCheckpoint(outputDir, { warn }), {
      name: "UserError",
      message: `Cannot resume the run in "${outputDir}": all of its checkpoints (2) are damaged; ` +
        "remove them or choose another --output_dir to start afresh",
    });

    await saveCheckpoint(outputDir, checkpointAt(20)); // takes the damaged one's place
    assert.deepEqual(await loadCheckpoint(join(outputDir, "checkpoint-20")), checkpointAt(20));
  });
}

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
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    child.kill("SIGKILL");
    await child.status;

    const warn = (message: string) => assert.fail(message);
    const folder = await latestCheckpoint(outputDir, { warn });
    const { step } = await loadCheckpoint(folder!);
    assert.ok(step >= next, `step ${step} is at least the ${next} that was said to be saved`);
    assert.deepEqual(await loadCheckpoint(folder!), checkpointAt(step));
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
    assert.deepEqual(await loadCheckpoint((await latestCheckpoint(outputDir))!), checkpointAt(1));
  });
  assert.ok(mounted);
}, !await hasSmallDisks());
