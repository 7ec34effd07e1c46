/**
 * Fonts of this machine that charts can be drawn with: one for Latin letters, one for Chinese characters.
 *
 * What a font has is found by drawing with it, once in a process.
 *
 * @module
 */
import { join } from "node:path";
// @ts-types="./resvg.d.ts"
import { Resvg } from "@resvg/resvg-js";

/** Fonts to draw with; absent where the machine has none. */
export interface Fonts {
  readonly latin: string | undefined;
  readonly chinese: string | undefined;
}

/** Parts of the names of fonts with Chinese characters, the most legible on charts first. */
const CHINESE =
  /sanscjk|sanssc|sourcehansans|pingfang|wqy|heiti|simhei|yahei|msyh|droidsansfallback|cjk|hei|song|kai/i;
const LATIN = /dejavusans|notosans|liberationsans|arial|helvetica|opensans|sans/i;
const STYLED = /bold|black|light|thin|italic|oblique|mono|condensed|serif/i;

let found: Fonts | undefined;

/**
 * Finds fonts: those of the folders where systems and users keep them.
 *
 * @returns one font for each script
 */
export function fonts(): Fonts {
  return found ??= findFonts(folders());
}

/**
 * Finds fonts in folders.
 *
 * @param folders searched with all that is in them; they may be missing
 * @returns one font for each script
 */
export function findFonts(folders: readonly string[]): Fonts {
  const files = folders.flatMap((folder) => [...fontFiles(folder)]);
  const first = (names: RegExp, sample: string) =>
    files.filter((file) => names.test(file))
      .map((file) => ({ file, rank: 2 * rank(file, names) + Number(STYLED.test(file)) }))
      .sort((a, b) => a.rank - b.rank || (a.file < b.file ? -1 : 1))
      .find(({ file }) => draws(file, sample))?.file;
  const chinese = first(CHINESE, "医");
  return { chinese, latin: first(LATIN, "a") ?? chinese };
}

/** The place of the alternative that a name has. */
function rank(file: string, names: RegExp): number {
  return names.source.split("|").findIndex((name) => file.toLowerCase().includes(name));
}

/** Whether a font has a character. */
function draws(file: string, character: string): boolean {
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" font-size="16">${character}</text></svg>`;
  const { pixels } = new Resvg(svg, { font: { loadSystemFonts: false, fontFiles: [file] } }).render();
  return pixels.some((byte) => byte > 0);
}

function folders(): string[] {
  const home = Deno.env.get("HOME") ?? "/";
  const data = Deno.env.get("XDG_DATA_HOME") ?? join(home, ".local/share");
  return Deno.build.os === "darwin"
    ? ["/System/Library/Fonts", "/Library/Fonts", join(home, "Library/Fonts")]
    : ["/usr/share/fonts", "/usr/local/share/fonts", join(data, "fonts"), join(home, ".fonts")];
}

function* fontFiles(folder: string): Generator<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)];
  } catch {
    return; // missing, or not ours to read
  }
  for (const { name, isDirectory } of entries) {
    const path = join(folder, name);
    if (isDirectory) yield* fontFiles(path);
    else if (/\.(ttf|ttc|otf)$/i.test(name)) yield path;
  }
}
