/**
 * The server's page in Chromium: a person types, sees entities, changes the task and the language, goes by keys alone, and is
 * told when the server is gone. Screenshots are left in `output/serve_page` to be looked at.
 */
import assert from "node:assert/strict";
import { DEFAULT_LIMITS, Server, Service } from "../../lib/deploy/server/mod.ts";
import { exported } from "../deploy/served.ts";
import { BrowserPage } from "./browser.ts";

const PICTURES = "output/serve_page";

async function testPage(folder: string): Promise<void> {
  const folders = await exported(folder, ["CMeEE", "CMeIE", "KUAKE-QIC", "CHIP-STS"]);
  await Deno.mkdir(PICTURES, { recursive: true });
  await using service = await Service.open(
    folders.map((folder) => ({ folder })),
    { workers: 1 },
    DEFAULT_LIMITS,
  );
  const server = Server.open(service, { port: 0 });
  await using page = await BrowserPage.open(`${server.url}/`, { width: 900, height: 800 });
  const text = async (selector: string) =>
    await page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent`);
  const choose = (name: string) =>
    page.evaluate(
      `document.querySelector("#model").value = "${name}", ` +
        `document.querySelector("#model").dispatchEvent(new Event("change"))`,
    );
  const done = () => page.until(`/^(完成|Done)$/.test(document.querySelector("#status").textContent)`);
  const write = async (id: string, text: string) => {
    await page.evaluate(
      `document.querySelector("#${id}").focus(), document.querySelector("#${id}").select()`,
    );
    await page.type(text);
  };
  await page.until(`document.querySelectorAll("#model option").length === 4`);

  await write("text", "夜间发热，𠮷考虑哮喘");
  await page.press("Enter", 2);
  await done();
  const marks = `Array.from(document.querySelectorAll("#answer mark"), (mark) => mark.textContent).join()`;
  assert.equal(await page.evaluate(marks), "发热临床表现,哮喘疾病");
  assert.equal(await text("#answer tbody tr:last-child td:last-child"), "8–10");
  await page.screenshot(`${PICTURES}/entities.png`);

  await write("text", "<img src=x onerror=alert(1)>发热");
  await page.press("Enter", 2);
  await done();
  assert.equal(await page.evaluate(`document.querySelectorAll("#answer img").length`), 0);
  assert.match(`${await text("#answer .marked")}`, /^<img src=x onerror=alert\(1\)>发热/);

  await choose("cmeie");
  await write("text", "贫血伴乏力、头晕");
  await page.press("Enter", 2);
  await done();
  assert.equal(
    await page.evaluate(
      `Array.from(document.querySelectorAll("#answer tbody tr"), (row) => row.innerText).join("|")`,
    ),
    "贫血\t临床表现\t乏力|贫血\t临床表现\t头晕",
  );
  await page.screenshot(`${PICTURES}/relations.png`);

  await choose("chip-sts");
  assert.equal(await page.evaluate(`document.querySelector("#pair-field").hidden`), false);
  await write("text", "肺炎怎么治");
  await page.press("Enter", 2);
  await page.until(`!document.querySelector("#problem").hidden`);
  assert.equal(await text("#problem"), "请先输入文本。");
  await write("pair", "肺炎如何治疗");
  await page.press("Enter", 2);
  await done();
  assert.equal(await page.evaluate(`document.querySelectorAll("#answer meter").length`), 2);
  assert.equal(await page.evaluate(`document.querySelector("#problem").hidden`), true);

  // by keys alone: language, model, text, button
  await page.evaluate(`document.activeElement.blur()`);
  await page.evaluate(`document.querySelector("#language").focus()`);
  await page.press(" ");
  await page.until(`document.documentElement.lang === "en"`);
  const order: unknown[] = [];
  for (let tabs = 0; tabs < 5; tabs++) {
    await page.press("Tab");
    order.push(await page.evaluate("document.activeElement.id"));
  }
  assert.deepEqual(order, ["model", "text", "pair", "ask", "example"]);
  assert.equal(await text("#answer-title"), "Answer");
  assert.equal(
    await page.evaluate(
      `Array.from(document.querySelectorAll("input, select, textarea"), ({ labels }) => labels.length).join()`,
    ),
    "1,1,1,1",
  );

  await page.resize(360, 740); // a phone
  await choose("kuake-qic");
  await write("text", "高血压患者平时应该注意什么？");
  await page.press("Enter", 2);
  await done();
  assert.ok(await page.evaluate("document.documentElement.scrollWidth <= 360"));
  await page.screenshot(`${PICTURES}/phone.png`);
  assert.deepEqual(page.errors, []);

  await server.end();
  await page.press("Enter", 2);
  await page.until(`!document.querySelector("#problem").hidden`);
  assert.match(`${await text("#problem")}`, /^The server cannot be reached\. Check that it is still running/);
  await page.screenshot(`${PICTURES}/gone.png`);

  // started anew, with a token
  const { port } = new URL(server.url);
  await using _ = Server.open(service, { port: Number(port), token: "geheim" });
  await page.press("Enter", 2);
  await page.until(`!document.querySelector("#token-field").hidden`);
  await write("token", "geheim");
  await page.press("Enter", 2);
  await done();
  assert.equal(await page.evaluate(`document.querySelector("#problem").hidden`), true);
}

export const PAGE_TESTS = { "serve page": testPage };
