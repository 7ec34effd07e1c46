import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findLac } from "../../lib/install/mod.ts";
import { findLibrary } from "../../lib/tensorflow/library.ts";
import { parseCpuInfo } from "../../lib/tensorflow/machine.ts";
import { testInFolder } from "../folders.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DOCTOR = join(ROOT, "tasks", "doctor.ts");

async function doctor(env: Record<string, string>, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", DOCTOR, ...args],
    env,
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

function copyFolder(from: string, to: string) {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

Deno.test("doctor: names library, version, devices and packages, and TensorFlow is silent", async () => {
  const { code, stdout, stderr } = await doctor({}, "--json");
  const report = JSON.parse(stdout);
  assert.equal(code, 0, stdout);
  assert.equal(stderr, "");
  assert.equal(report.ready, true);
  assert.equal(report.tensorflow.cc, findLibrary().cc);
  assert.ok(report.tensorflow.devices.some(({ type }: { type: string }) => type === "CPU"));
  assert.equal(report.packages["@tensorflow/tfjs-core"], "4.22.0");
  assert.equal(report.versions.Deno, Deno.version.deno);
});

Deno.test("doctor: --gpu-check computes on what there is, and says where that is no GPU", async () => {
  const { code, stdout } = await doctor({}, "--gpu-check");
  const lines = stdout.split("\n"), passed = lines.filter((line) => line.startsWith("ok "));
  const hasGpu = /^Devices .*GPU/m.test(stdout);
  assert.ok(passed.some((line) => line.includes("matrices multiplied")), stdout);
  assert.ok(
    passed.some((line) => line.includes(`a step in mixed_${hasGpu ? "float16" : "bfloat16"}`)),
    stdout,
  );
  assert.ok(passed.some((line) => line.includes("the original's recorded ones")), stdout);
  assert.equal(/No GPU was checked/.test(stdout), !hasGpu);
  assert.equal(code, hasGpu ? 0 : 1);
});

Deno.test("doctor: ERNIE_HEALTH_LOG=1 lets TensorFlow speak", async () => {
  const { stderr } = await doctor({ ERNIE_HEALTH_LOG: "1" });
  assert.match(stderr, /cpu_feature_guard|oneDNN/);
});

Deno.test("doctor: without LAC's models training can run all the same", async () => {
  const { code, stdout } = await doctor({ ERNIE_HEALTH_LAC: "/nowhere" });
  assert.equal(code, 0);
  assert.match(stdout, /^LAC's models +none$/m);
  assert.match(stdout, /^Note: Cannot use ERNIE_HEALTH_LAC="\/nowhere": no lac_model and seg_model in it$/m);
  assert.match(stdout, /^ {2}→ name a folder .* run `deno task setup --only lac`$/m);
});

testInFolder("doctor: reads LAC's models and notes what is wrong with them", async (folder) => {
  const installed = findLac(ROOT);
  assert.ok(installed !== undefined, "run `deno task setup`");
  const [intact, damaged] = [join(folder, "intact"), join(folder, "damaged")];
  for (const copy of [intact, damaged]) {
    await Deno.mkdir(copy);
    for (const model of ["lac_model", "seg_model"]) copyFolder(join(installed, model), join(copy, model));
  }
  const path = join(damaged, "seg_model", "model", "gru_0.w_0");
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await Deno.writeFile(path, bytes);

  const [sound, wrong] = await Promise.all(
    [intact, damaged].map((copy) => doctor({ ERNIE_HEALTH_LAC: copy }, "--json")),
  );
  assert.equal(JSON.parse(sound!.stdout).lac, intact);
  const { lac, findings } = JSON.parse(wrong!.stdout);
  assert.equal(lac, undefined);
  assert.match(findings.map(({ what }: { what: string }) => what).join("\n"), /seg_model".* sha256 differs/);
});

Deno.test("doctor: what is missing, what mends it, and exit code 1", async () => {
  const { code, stdout } = await doctor({ ERNIE_HEALTH_TF: "/nowhere" });
  assert.equal(code, 1);
  assert.match(stdout, /^Missing: Cannot use ERNIE_HEALTH_TF="\/nowhere": no libtensorflow_cc\S+ in it$/m);
  assert.match(stdout, /^ {2}→ name a folder .* run `deno task setup`$/m);
  assert.match(stdout, /\nNot ready to train\n$/);
});

const PROCESSORS: [string, string, ReturnType<typeof parseCpuInfo>][] = [
  [
    "x86",
    "processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu sse2 avx fma avx2 avx512f avx512_bf16 amd_x\n\n" +
    "processor\t: 1\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu sse2\n",
    { cpu: "AMD EPYC 9R14", instructionSets: ["avx", "avx2", "fma", "avx512f", "avx512_bf16"] },
  ],
  [
    "Arm",
    "processor\t: 0\nFeatures\t: fp asimd asimddp sve i8mm bf16\nCPU implementer\t: 0x41\n",
    { cpu: "unknown", instructionSets: ["asimd", "asimddp", "bf16", "i8mm", "sve"] },
  ],
  ["no description", "", { cpu: "unknown", instructionSets: [] }],
];

for (const [name, text, expected] of PROCESSORS) {
  Deno.test(`doctor: reads the processor, ${name}`, () => assert.deepEqual(parseCpuInfo(text), expected));
}
