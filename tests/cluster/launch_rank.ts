/** `deno task launch` with `rank.ts` for a command, and with a shorter grace. */
import { launch } from "../../lib/cluster/mod.ts";
import { runTask } from "../../tasks/flags.ts";
import { devicesOf, LAUNCH_OPTIONS, nodesOf } from "../../tasks/launch.ts";

await runTask(import.meta, {
  name: "launch_rank",
  summary: "Launch rank.ts.",
  table: LAUNCH_OPTIONS,
  command: "rank and its flags",
  async main(options, { signal, command: [, ...flags] }) {
    Deno.exitCode = await launch({
      program: ["run", "-A", "--no-check", new URL("./rank.ts", import.meta.url).pathname],
      flags,
      devices: devicesOf(options),
      nodes: nodesOf(options, Deno.env.toObject()),
      maxRestarts: options.max_restarts,
      logDir: options.log_dir,
      joinTimeout: options.join_timeout,
      grace: 2,
      signal,
    });
  },
});
