/**
 * The files of the page for people. It loads nothing from elsewhere, and its policy forbids it.
 *
 * @module
 */

/** A file that is served as it is. */
export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  read(): Promise<string>;
}

const POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src", "img-src"].map((kind) => `${kind} 'self'`),
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page and what it loads. */
export const PAGE_FILES: readonly PageFile[] = [
  file("/", "index.html", "text/html; charset=utf-8"),
  file("/page.css", "page.css", "text/css; charset=utf-8"),
  file("/page.js", "page.js", "text/javascript; charset=utf-8"),
  file("/texts.js", "texts.js", "text/javascript; charset=utf-8"),
  file("/drawing.js", "drawing.js", "text/javascript; charset=utf-8"),
  file("/icon.svg", "icon.svg", "image/svg+xml"),
];

function file(path: string, name: string, type: string): PageFile {
  const url = new URL(`./page/${name}`, import.meta.url);
  let text: Promise<string> | undefined;
  return {
    path,
    type,
    headers: { "content-security-policy": POLICY },
    read: () => text ??= fetch(url).then((response) => response.text()),
  };
}
