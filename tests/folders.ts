/** Temporary folders that are gone after the test, however it ends. */

/** Runs a test on an empty folder. */
export function testInFolder(name: string, test: (folder: string) => Promise<void>, ignore = false) {
  Deno.test({ name, ignore, fn: () => withEmptyFolder(test) });
}

/** Runs with a folder that has an `in` folder. */
export function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  return withEmptyFolder(async (folder) => {
    await Deno.mkdir(`${folder}/in`);
    await body(folder);
  });
}

export async function withEmptyFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
