import assert from "node:assert/strict";
import { join } from "node:path";
import { lockOutputDir } from "../../lib/training/lock.ts";
import { hasSmallDisks, onSmallDisk } from "./small_disk.ts";

const lockModule = new URL("../../lib/training/lock.ts", import.meta.url).href;

/** Starts a process that holds the lock of `folder` until killed. */
async function startHolder(folder: string): Promise<Deno.ChildProcess> {
  const code = `import { lockOutputDir } from "${lockModule}";
    using _lock = lockOutputDir(${JSON.stringify(folder)});
    console.log("locked");
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", code], stdout: "piped" }).spawn();
  for await (const _ of child.stdout) break; // "locked"
  return child;
}

Deno.test("an output folder belongs to one run at a time", async (test) => {
  const parent = await Deno.makeTempDir();
  const folder = join(parent, "new", "output");
  const refusal = (pid: number) => ({
    name: "UserError",
    message: `Cannot use output folder "${folder}": process ${pid} on ${Deno.hostname()} is writing to it; ` +
      "wait for it to end, stop it, or choose another --output_dir",
  });
  try {
    await test.step("refused to a second run of this process, free after the first", () => {
      {
        using _lock = lockOutputDir(folder);
        assert.throws(() => lockOutputDir(folder), refusal(Deno.pid));
        assert.throws(() => lockOutputDir(folder), refusal(Deno.pid)); // a refusal changes nothing
      }
      lockOutputDir(folder)[Symbol.dispose]();
    });
    await test.step("refused while another process holds it, free once that is killed", async () => {
      const child = await startHolder(folder);
      assert.throws(() => lockOutputDir(folder), refusal(child.pid));
      child.kill("SIGKILL");
      await child.status;
      assert.equal(JSON.parse(await Deno.readTextFile(join(folder, ".lock"))).pid, child.pid); // left behind
      lockOutputDir(folder)[Symbol.dispose]();
    });
    await test.step("a folder that cannot be made is named", async () => {
      await Deno.writeTextFile(join(parent, "file"), "");
      const path = join(parent, "file", "output");
      assert.throws(() => lockOutputDir(path), {
        name: "UserError",
        message: `Cannot use output folder "${path}": not a directory`,
      });
    });
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test({
  name: "a folder is locked on a full disk too",
  ignore: !await hasSmallDisks(),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await onSmallDisk("64k", folder, async () => {
        await Deno.writeFile(join(folder, "full"), new Uint8Array(64 << 10)).catch(() => {});
        using _lock = lockOutputDir(folder);
        assert.throws(() => lockOutputDir(folder), /another run is writing to it/);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
