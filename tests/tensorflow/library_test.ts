import assert from "node:assert/strict";
import { join } from "node:path";
import { UserError } from "../../lib/config/mod.ts";
import { findLibrary, type LibrarySearch, projectVenv } from "../../lib/tensorflow/library.ts";

const mac = Deno.build.os === "darwin";
const CC = mac ? "libtensorflow_cc.2.dylib" : "libtensorflow_cc.so.2";
const FRAMEWORK = mac ? "libtensorflow_framework.2.dylib" : "libtensorflow_framework.so.2";

/** Lays out what a wheel of TensorFlow leaves in a site-packages folder, as far as it is looked at. */
function layOut(sitePackages: string, metadata = "tensorflow_cpu-2.21.0.dist-info", files = [CC, FRAMEWORK]) {
  for (const folder of ["tensorflow", "tensorflow_datasets-4.9.0.dist-info", metadata]) {
    Deno.mkdirSync(join(sitePackages, folder), { recursive: true });
  }
  for (const file of files) Deno.writeTextFileSync(join(sitePackages, "tensorflow", file), "");
}

function inFolder(body: (folder: string) => void) {
  const folder = Deno.makeTempDirSync();
  try {
    body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function message(search: LibrarySearch): string {
  try {
    findLibrary(search);
  } catch (error) {
    assert.ok(error instanceof UserError);
    return error.message;
  }
  assert.fail("a library was found");
}

Deno.test("library: ERNIE_HEALTH_TF names a folder with the library, site-packages or a virtual environment", () => {
  inFolder((folder) => {
    const sitePackages = join(folder, "lib", "python3.12", "site-packages");
    layOut(sitePackages);
    for (const variable of [join(sitePackages, "tensorflow"), sitePackages, folder]) {
      assert.deepEqual(findLibrary({ variable, venv: undefined, python: "" }), {
        folder: join(sitePackages, "tensorflow"),
        cc: join(sitePackages, "tensorflow", CC),
        framework: join(sitePackages, "tensorflow", FRAMEWORK),
        version: "2.21.0",
        source: "ERNIE_HEALTH_TF",
        package: "tensorflow-cpu",
        gpu: false,
      });
    }
  });
});

Deno.test("library: a bare folder's version is unknown, and left to loading", () => {
  inFolder((folder) => {
    for (const file of [CC, FRAMEWORK]) Deno.writeTextFileSync(join(folder, file), "");
    assert.equal(findLibrary({ variable: folder }).version, "unknown");
  });
});

Deno.test("library: ERNIE_HEALTH_TF comes before .venv, and .venv before python3", () => {
  inFolder((folder) => {
    const [mine, venv, system] = ["mine", ".venv", "system"].map((name) => join(folder, name));
    for (const place of [mine, venv]) layOut(join(place!, "lib", "python3.11", "site-packages"));
    layOut(system!, "tensorflow-2.19.1.dist-info");
    Deno.mkdirSync(join(system!, "nvidia", "cudnn"), { recursive: true });
    const python = join(folder, "python3"); // stands for one whose find_spec knows TensorFlow
    Deno.writeTextFileSync(python, `#!/bin/sh\necho '${join(system!, "tensorflow", "__init__.py")}'\n`);
    Deno.chmodSync(python, 0o755);

    assert.equal(findLibrary({ variable: mine, venv, python }).source, "ERNIE_HEALTH_TF");
    assert.equal(findLibrary({ variable: undefined, venv, python }).source, ".venv");
    const { source, version, package: name, gpu } = findLibrary({
      variable: undefined,
      venv: undefined,
      python,
    });
    assert.deepEqual({ source, version, name, gpu }, {
      source: "python3",
      version: "2.19.1",
      name: "tensorflow",
      gpu: true,
    });
  });
});

Deno.test("library: python3 is not started where .venv serves", () => {
  inFolder((folder) => {
    layOut(join(folder, "lib", "python3.11", "site-packages"));
    const python = join(folder, "python3");
    Deno.writeTextFileSync(python, `#!/bin/sh\ntouch '${join(folder, "started")}'\n`);
    Deno.chmodSync(python, 0o755);
    findLibrary({ variable: undefined, venv: folder, python });
    assert.throws(() => Deno.statSync(join(folder, "started")), Deno.errors.NotFound);
  });
});

Deno.test("library: nothing found, or nothing usable", () => {
  inFolder((folder) => {
    const nowhere = { variable: undefined, venv: join(folder, ".venv"), python: join(folder, "no-python") };
    assert.equal(
      message(nowhere),
      "Cannot find TensorFlow: it is neither in .venv nor beside python3; install it with `deno task setup`",
    );
    assert.equal(
      message({ ...nowhere, variable: folder }),
      `Cannot use ERNIE_HEALTH_TF="${folder}": no ${CC} in it; name a folder that holds it, a site-packages folder ` +
        "or a virtual environment, or unset it and run `deno task setup`",
    );

    const sitePackages = join(folder, ".venv", "lib", "python3.9", "site-packages");
    layOut(sitePackages, "tensorflow_cpu-2.9.1.dist-info");
    assert.equal(
      message(nowhere),
      `Cannot find TensorFlow: "${
        join(sitePackages, "tensorflow")
      }" does not serve, it is TensorFlow 2.9.1 and the ` +
        "engine needs 2.16 to 2.21; install it with `deno task setup`",
    );
    assert.equal(
      message({ variable: sitePackages }),
      `Cannot use ERNIE_HEALTH_TF="${sitePackages}": it is TensorFlow 2.9.1 and the engine needs 2.16 to 2.21; ` +
        "name another, or unset it and run `deno task setup`",
    );
  });
});

Deno.test("library: half of the two libraries is none", () => {
  inFolder((folder) => {
    layOut(join(folder, "lib", "python3.11", "site-packages"), undefined, [CC]);
    assert.match(message({ variable: undefined, venv: folder, python: "" }), /^Cannot find TensorFlow: /);
  });
});

Deno.test("library: the project's virtual environment lies beside deno.json", () => {
  assert.ok(Deno.statSync(join(projectVenv()!, "..", "deno.json")).isFile);
});
