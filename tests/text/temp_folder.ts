/**
 * Runs a test's body with a fresh folder that is removed afterwards.
 *
 * @param body What to do with the folder's path.
 */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
