/** `deno task export` and `deno task infer` as people run them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportModel } from "../../lib/deploy/mod.ts";
import { testInFolder } from "../folders.ts";
import { train } from "./trained.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PLAIN = { format: "fp32", packed: false, inputs: 3 } as const;

function start(...args: string[]) {
  const all = ["run", "-A", "--no-check", join(ROOT, "tasks", "infer.ts"), ...args];
  return new Deno.Command(Deno.execPath(), { args: all, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
}

async function infer(input: string, ...args: string[]) {
  const child = start(...args), writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {}); // it may have refused its flags already
  await writer.close().catch(() => {});
  const { stdout, stderr, code } = await child.output(), text = new TextDecoder();
  return { stdout: text.decode(stdout), stderr: text.decode(stderr), code };
}

testInFolder(
  "entities as the original prints them, and as JSON with places in code points",
  async (folder) => {
    const out = join(folder, "export");
    await exportModel(await train(folder, "CMeEE"), { ...PLAIN, out }, { print: () => {} });
    const printed = await infer("𠮷夜间咳嗽，诊断为肺炎\n\n夜间发热，考虑哮喘", out);
    assert.equal(printed.stderr, "");
    assert.equal(
      printed.stdout,
      [
        "input data: 𠮷夜间咳嗽，诊断为肺炎",
        "detected entities:",
        "* entity: 咳嗽, type: sym, position: (3, 5)",
        "* entity: 肺炎, type: dis, position: (9, 11)",
        "-----------------------------",
        "input data: 夜间发热，考虑哮喘",
        "detected entities:",
        "* entity: 发热, type: sym, position: (2, 4)",
        "* entity: 哮喘, type: dis, position: (7, 9)",
        "-----------------------------",
        "",
      ].join("\n"),
    );
    const lines = await infer("夜间发热，考虑哮喘\r\n", join(out, "inference"), "--output", "json"); // a prefix, as Paddle's
    const span = (text: string, start_id: number) => ({ text, start_id, end_id: start_id + 2 });
    assert.deepEqual(JSON.parse(lines.stdout), {
      text: "夜间发热，考虑哮喘",
      entities: [{ type: "sym", name: "sym", ...span("发热", 2) }, {
        type: "dis",
        name: "dis",
        ...span("哮喘", 7),
      }],
    });
    const wrong = await infer("", out, "--dataset", "KUAKE-QIC");
    assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
    assert.match(wrong.stderr, /^error: Cannot use --dataset KUAKE-QIC: the model of ".*" is for CMeEE\n$/);
  },
);

testInFolder(
  "relations as the original prints them; a line is answered before the next one comes",
  async (folder) => {
    const out = join(folder, "export");
    await exportModel(await train(folder, "CMeIE"), { ...PLAIN, format: "int8", out }, { print: () => {} });
    const child = start(out), writer = child.stdin.getWriter(), reader = child.stdout.getReader();
    const answers = [];
    for (const text of ["肺炎可见咳嗽", "贫血伴乏力、头晕"]) {
      await writer.write(new TextEncoder().encode(`${text}\n`));
      const { value } = await reader.read();
      answers.push(new TextDecoder().decode(value));
    }
    await writer.close();
    assert.equal((await reader.read()).done, true);
    assert.equal((await child.status).code, 0);
    await child.stderr.cancel();
    const printed = (text: string, ...lines: string[]) =>
      [
        `input data: ${text}`,
        "detected entities and relations:",
        ...lines,
        "-----------------------------",
        "",
      ].join("\n");
    assert.deepEqual(answers, [
      printed(
        "肺炎可见咳嗽",
        "* entity: 肺炎, position: (0, 1)",
        "* entity: 咳嗽, position: (4, 5)",
        "+ spo: (肺炎, 临床表现, 咳嗽)",
      ),
      printed(
        "贫血伴乏力、头晕",
        "* entity: 贫血, position: (0, 1)",
        "* entity: 乏力, position: (3, 4)",
        "* entity: 头晕, position: (6, 7)",
        "+ spo: (贫血, 临床表现, 乏力)",
        "+ spo: (贫血, 临床表现, 头晕)",
      ),
    ]);
  },
);

testInFolder("pairs are parted by a tab, and TensorFlow is never loaded", async (folder) => {
  const out = join(folder, "export"), file = join(folder, "pairs.txt");
  await exportModel(await train(folder, "CHIP-STS"), { ...PLAIN, out }, { print: () => {} });
  const count = 5000,
    lines = Array.from({ length: count }, (_, i) => `肺炎怎么治${"啊".repeat(i % 9)}\t哮喘如何治疗${i}`);
  await Deno.writeTextFile(file, lines.join("\n"));
  const { stdout, stderr } = await infer(
    "",
    out,
    "--data_file",
    file,
    "--output",
    "json",
    "--num_threads",
    "1",
  );
  assert.equal(stderr, "");
  const answers = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(answers.map(({ text1, text2 }) => `${text1}\t${text2}`), lines);
  assert.ok(
    answers.every(({ label, name, confidence }) =>
      /^[01]$/.test(label) && /^语义/.test(name) === false && confidence >= 0.5
    ),
  );

  const script = `
    import { Predictor } from ${JSON.stringify(import.meta.resolve("../../lib/deploy/mod.ts"))};
    await using predictor = await Predictor.open(Deno.args[0], { worker: false });
    await predictor.predictTexts([["肺炎", "哮喘"]]);
    const libraries = Deno.readTextFileSync("/proc/self/maps").match(/lib(tensorflow|onnxruntime)/g);
    console.log([...new Set(libraries)].join());`;
  if (Deno.build.os !== "linux") return;
  const path = join(folder, "script.ts");
  await Deno.writeTextFile(path, script);
  const { stdout: libraries } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", join(ROOT, "deno.json"), path, out],
  }).output();
  assert.equal(new TextDecoder().decode(libraries).trim(), "libonnxruntime");
});
