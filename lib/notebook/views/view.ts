/** What is shown as HTML and, where there is none, as text. */
import { extname } from "node:path";
import { escapeMarkup } from "../../chart/mod.ts";
import { UserError, writeAtomically } from "../../config/mod.ts";
import { DISPLAY, type Displayable, type MediaBundle, turn } from "../media.ts";

/** HTML that needs no style sheet, and the same as text. */
export class View implements Displayable {
  /**
   * @param html an element or several; markup in it is escaped already
   * @param text the same for a terminal
   */
  constructor(readonly html: string, readonly text: string) {}

  /** Views one beneath the other. */
  static stack(views: readonly View[]): View {
    return new View(views.map(({ html }) => html).join("\n"), views.map(({ text }) => text).join("\n\n"));
  }

  toString(): string {
    return this.text;
  }

  /**
   * Writes a file.
   *
   * @param path ends in `.html` or `.txt`
   * @throws {UserError} if it ends otherwise, or the disk refuses
   */
  async save(path: string): Promise<void> {
    const title = escapeMarkup(path.replace(/^.*\//, ""));
    const page = `<!doctype html>\n<meta charset="utf-8" />\n<title>${title}</title>\n${this.html}\n`;
    const content = { ".html": page, ".txt": `${this.text}\n` }[extname(path)];
    if (content === undefined) throw new UserError(`Cannot save "${path}": a view is saved as .html or .txt`);
    await writeAtomically(path, [new TextEncoder().encode(content)]);
  }

  async [DISPLAY](): Promise<MediaBundle> {
    await turn();
    return { "text/html": this.html, "text/plain": this.text };
  }
}
