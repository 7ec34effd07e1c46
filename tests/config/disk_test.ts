import assert from "node:assert/strict";
import { join } from "node:path";
import { type Disk, diskErrorReason, realDisk, writeAtomically } from "../../lib/config/mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("an interrupted write leaves the earlier file and nothing else", async (test) => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "config.json");
  await writeAtomically(path, [bytes("one "), bytes("two")]);
  const full: Disk = {
    ...realDisk, // /dev/full answers every write with "no space left on device"
    open: async (path, options) => {
      const file = await Deno.open(path, options);
      const device = await Deno.open("/dev/full", { write: true });
      return {
        write: (chunk) => device.write(chunk),
        sync: () => file.sync(),
        close: () => (file.close(), device.close()),
      };
    },
  };
  const cases: [string, () => Promise<void>, object][] = [
    ["disk full", () => writeAtomically(path, [bytes("three")], full), {
      name: "UserError",
      message: `Cannot write "${path}": no space left on device`,
    }],
    ["the content fails", () =>
      writeAtomically(
        path,
        (function* () {
          yield bytes("three");
          throw new TypeError("a bug");
        })(),
      ), { name: "TypeError", message: "a bug" }],
    ["no folder", () => writeAtomically(join(folder, "none", "a"), []), {
      name: "UserError",
      message: `Cannot write "${join(folder, "none", "a")}": no such file or directory`,
    }],
    ["a folder of that name", () => writeAtomically(folder, []), {
      name: "UserError",
      message: `Cannot write "${folder}": is a directory`,
    }],
  ];
  try {
    for (const [name, write, error] of cases) {
      await test.step({
        name,
        ignore: name === "disk full" && Deno.build.os !== "linux",
        fn: async () => {
          await assert.rejects(write(), error);
          assert.equal(await Deno.readTextFile(path), "one two");
          assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["config.json"]);
        },
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("only errors of the operating system have a disk reason", () => {
  assert.equal(
    diskErrorReason(new Error("No space left on device (os error 28)")),
    "no space left on device",
  );
  assert.equal(diskErrorReason(new TypeError("x is not a function")), undefined);
  assert.equal(diskErrorReason("No space left on device (os error 28)"), undefined);
});
