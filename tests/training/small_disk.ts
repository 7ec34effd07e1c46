/** A disk of our own that is really small, where the machine lets us mount one. */

async function run(command: string, ...args: string[]): Promise<boolean> {
  const child = new Deno.Command(command, { args, stderr: "null" });
  return await child.output().then(({ success }) => success, () => false);
}

/** Mounts a disk of `size` ("1m") at a folder, runs `use`, and unmounts; tells whether mounting worked. */
export async function onSmallDisk(size: string, folder: string, use: () => Promise<void>): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  if (!await run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder)) return false;
  try {
    await use();
  } finally {
    await run("umount", folder);
  }
  return true;
}

/** Whether {@linkcode onSmallDisk} works here. */
export async function hasSmallDisks(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    return await onSmallDisk("64k", folder, () => Promise.resolve());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
