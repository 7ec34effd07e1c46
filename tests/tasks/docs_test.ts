import { strict as assert } from "node:assert";
import { FLAGS_PAGE, flagsPage } from "../../tasks/docs.ts";

Deno.test("the page of flags is what the tables say; `deno task docs` mends it", async () => {
  assert.equal(await Deno.readTextFile(FLAGS_PAGE), flagsPage());
});
