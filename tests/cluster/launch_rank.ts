/** `deno task launch` with `rank.ts` for a command, and with a shorter grace. */
import { launch } from "../../lib/cluster/mod.ts";
import { runTask } from "../../tasks/flags.ts";
import { LAUNCH_OPTIONS, launchOf } from "../../tasks/launch.ts";

await runTask(import.meta, {
  name: "launch_rank",
  summary: "Launch rank.ts.",
  table: LAUNCH_OPTIONS,
  command: "rank and its flags",
  async main(options, { signal, command: [, ...flags] }) {
    const program = ["run", "-A", "--no-check", new URL("./rank.ts", import.meta.url).pathname];
    Deno.exitCode = await launch({ ...launchOf(options), program, flags, grace: 2, signal });
  },
});
