/** Figures in all their forms. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { findFonts, fonts } from "../../lib/notebook/drawing/fonts.ts";
import { coarser, encodePng } from "../../lib/notebook/drawing/png.ts";
import { rasterize } from "../../lib/notebook/drawing/raster.ts";
import { bars, Figure, heatmap, plot } from "../../lib/notebook/mod.ts";
import { thin } from "../../lib/notebook/figures/thin.ts";
import { withEmptyFolder } from "../folders.ts";

/** Pixels of a PNG file without filters: of a palette as indices. */
function decode(png: Uint8Array) {
  const view = new DataView(png.buffer, png.byteOffset);
  const [width, height, bits, type] = [view.getUint32(16), view.getUint32(20), png[24], png[25]];
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < png.length; at += 12 + view.getUint32(at)) {
    const name = new TextDecoder().decode(png.subarray(at + 4, at + 8));
    chunks.set(name, png.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const rows = inflateSync(chunks.get("IDAT")!), stride = rows.length / height;
  assert.equal(bits, 8);
  assert.equal(stride, 1 + width * (type === 3 ? 1 : 4));
  const pixels = Array.from({ length: height }, (_, y) => {
    assert.equal(rows[y * stride], 0); // no filter
    return rows.subarray(y * stride + 1, (y + 1) * stride);
  });
  return { width, height, type, palette: chunks.get("PLTE"), alpha: chunks.get("tRNS"), pixels };
}

/** Python's own reading of a PNG is not at hand everywhere: the checksums of chunks are those of the specification. */
Deno.test("a PNG has the bytes of the specification's example: one red pixel", () => {
  const png = encodePng({ width: 1, height: 1, data: Uint8Array.of(255, 0, 0, 255) });
  assert.deepEqual([...png.subarray(0, 33)], [
    ...[137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0],
    ...[0x28, 0xcb, 0x34, 0xbb], // CRC-32 of IHDR with these values
  ]);
  assert.deepEqual([...png.subarray(-12)], [0, 0, 0, 0, 73, 69, 78, 68, 0xae, 0x42, 0x60, 0x82]);
});

Deno.test("pixels come back from a PNG, by a palette and without one", () => {
  for (const [colours, type] of [[256, 3], [257, 6]] as const) {
    const data = Uint8Array.from({ length: 4 * 300 }, (_, i) => {
      const pixel = Math.floor(i / 4) % colours;
      return [pixel & 255, pixel >> 8, 7, 255][i % 4]!;
    });
    const png = decode(encodePng({ width: 20, height: 15, data }));
    assert.deepEqual([png.width, png.height, png.type], [20, 15, type]);
    const bytes = png.pixels.flatMap((row) =>
      type === 6
        ? [...row]
        : Array.from(row).flatMap((i) => [...png.palette!.subarray(3 * i, 3 * i + 3), png.alpha![i]!])
    );
    assert.deepEqual(bytes, [...data]);
  }
});

Deno.test("coarser colours are near, and white and black stay", () => {
  const data = Uint8Array.from({ length: 256 }, (_, i) => i);
  const { data: few } = coarser({ width: 64, height: 1, data }, 3);
  assert.equal(new Set(few).size, 8);
  assert.ok(few.every((value, i) => Math.abs(value - i) <= 255 / 7 / 2 + 0.5));
  assert.deepEqual([few[0], few[255]], [0, 255]);
});

Deno.test("a thinned curve keeps its ends, its peaks, its order, and gaps", () => {
  const y: (number | null)[] = Array.from({ length: 100_000 }, (_, i) => Math.sin(i / 5000));
  y[77_777] = 9;
  y[33_333] = -9;
  y.fill(null, 50_000, 60_000);
  const { x, y: left } = thin({ x: [...y.keys()], y }, 800);
  assert.ok(left.length <= 800 && left.length > 600);
  assert.deepEqual([x[0], x.at(-1)], [0, 99_999]);
  assert.ok(x.every((place, i) => i === 0 || x[i - 1]! < place));
  assert.ok(x.every((place, i) => y[place as number] === left[i]));
  assert.ok(left.includes(9) && left.includes(-9) && left.includes(null));
  const short = { x: [1, 2], y: [3, 4] };
  assert.deepEqual(thin(short, 800), short);
});

const FIGURES: Record<string, () => Figure> = {
  curves: () => plot({ 损失: [3, 2, 1], 准确率: [0.1, 0.5, 0.9] }, { title: "训练曲线", x: "步" }),
  bars: () => bars({ 头痛: 12, 发热: 7 }, { title: "症状" }),
  heatmap: () =>
    heatmap([[8, 1], [2, 9]], { rows: ["是", "否"], columns: ["是", "否"], numbers: true, title: "混淆" }),
  box: () => new Figure([{ type: "box", y: [1, 2, 3, 9], name: "分数" }]),
  histogram: () => new Figure([{ type: "histogram", x: [1, 1, 2, 3], name: "长度" }], { showlegend: true }),
};

for (const [name, figure] of Object.entries(FIGURES)) {
  Deno.test(`${name}: SVG has the Chinese text and is the same each time, the bundle has all forms`, async () => {
    const svg = await figure().svg();
    const texts = [...svg.matchAll(/<text[^>]*>([^<]+)</g)].map(([, text]) => text).join(" ");
    assert.match(texts, /\p{Script=Han}/u);
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assert.equal(await figure().svg(), svg);
    const bundle = await figure().bundle();
    assert.ok("application/vnd.plotly.v1+json" in bundle && bundle["text/plain"]);
    assert.ok(("image/png" in bundle) !== ("image/svg+xml" in bundle));
    if (fonts().chinese === undefined) assert.equal(bundle["image/svg+xml"], svg);
  });
}

Deno.test("labels that would overlap are turned, and the margin grows to hold them", async () => {
  const draw = async (length: number) => {
    const names = Array.from({ length: 8 }, (_, i) => [`${i}`.repeat(length), i]);
    const svg = await bars(Object.fromEntries(names)).svg();
    const turned = svg.matchAll(/<g class="xtick"><text transform="([^"]*)"/g);
    const height = /<clipPath class="plotclip"[^>]*><rect height="([\d.]+)"/.exec(svg)![1];
    return { turned: Array.from(turned, ([, place]) => place!.includes("rotate")), height: Number(height) };
  };
  assert.deepEqual(await draw(5), { turned: Array(8).fill(false), height: 380 - 50 - 50 });
  const { turned, height } = await draw(20);
  assert.deepEqual(turned, Array(8).fill(true));
  assert.ok(height < 240, `${height}`);
});

Deno.test("an SVG has no empty styles, at which resvg stops reading: markers would be black", async () => {
  assert.doesNotMatch(await plot({ a: [1, 2, 3] }).svg(), /style="[^"]*:;/);
});

Deno.test("without a font for its characters a picture is an SVG: only Latin ones are drawn then", async () => {
  const { latin } = fonts();
  const svg = await FIGURES.curves!().svg();
  assert.equal(rasterize(svg, { latin, chinese: undefined }), undefined);
  assert.equal(rasterize(svg, { latin: undefined, chinese: undefined }), undefined);
  assert.deepEqual(findFonts(["no/such/folder"]), { latin: undefined, chinese: undefined });
});

Deno.test({
  name: "a PNG is drawn with the fonts found: 700 × 380 pixels, few of them text",
  ignore: fonts().latin === undefined,
  async fn() {
    const png = (await plot({ loss: [3, 2, 1] }, { title: "Losses" }).png())!;
    const { width, height, pixels } = decode(png);
    assert.deepEqual([width, height], [700, 380]);
    const counts = new Map<number, number>();
    for (const row of pixels) for (const value of row) counts.set(value, (counts.get(value) ?? 0) + 1);
    const share = Math.max(...counts.values()) / (width * height);
    assert.ok(share > 0.9 && share < 0.995, `${share}`); // white, but not all
  },
});

Deno.test("a curve of 100,000 points stays under 50 KB, and its text says that it was thinned", async () => {
  let state = 1; // noise fills the picture: the worst for a PNG
  const noise = () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
  const figure = plot({ loss: Float32Array.from({ length: 100_000 }, noise) }, { title: "噪声" });
  const bundle = await figure.bundle();
  assert.ok(JSON.stringify(bundle).length < 50_000, `${JSON.stringify(bundle).length}`);
  assert.match(
    String(figure),
    /loss: 100,000 values, .*; drawn: the least and the greatest of neighbours, 800 in all/,
  );
});

Deno.test("numbers are sent with five digits, typed arrays as plain ones, and what is no number as a gap", () => {
  const { data } = new Figure([{ y: Float32Array.of(1 / 3, NaN, 12_345_678) }]);
  assert.equal(JSON.stringify(data[0]!.y), "[0.33333,null,12345678]");
});

Deno.test("figures are saved by the file's ending", async () => {
  await withEmptyFolder(async (folder) => {
    const figure = bars({ "</script>": 1 }, { title: "<b>" });
    for (const name of ["x.html", "x.svg", "x.json", "x.txt"]) await figure.save(join(folder, name));
    const read = (name: string) => Deno.readTextFileSync(join(folder, name));
    assert.equal(JSON.parse(read("x.json")).data[0].x[0], "</script>");
    assert.equal(read("x.svg"), await figure.svg());
    assert.equal(read("x.txt"), `${figure}\n`);
    const page = read("x.html");
    assert.equal(page.split("</script>").length - 1, 2); // of the library and of the figure
    assert.doesNotMatch(page.replace(/<script>[^]*<\/script>/, ""), /https?:|<b>/);
    await assert.rejects(figure.save(join(folder, "x.gif")), /saved as .html, .svg, .png, .json or .txt$/);
  });
});

Deno.test("drawing again and again keeps the memory flat", async () => {
  const door = new URL("../../lib/notebook/mod.ts", import.meta.url).href;
  const program = `import { plot } from "${door}";
    const draw = async (times) => {
      for (let i = 0; i < times; i++) await plot({ a: [i, 2], b: [3, 4] }).pictureBundle();
      gc();
      return Deno.memoryUsage().heapUsed;
    };
    await draw(20);
    const before = await draw(5);
    console.log((await draw(50) - before) / 50);`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", "--config", config, "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout } = await child.output();
  const bytes = Number(new TextDecoder().decode(stdout));
  assert.ok(bytes < 100_000, `${bytes} bytes a figure stay`); // one figure has 300,000 and more
});
