/** Chromium without a window, by its DevTools protocol. */
import assert from "node:assert/strict";

/**
 * Waits until a process has written something, and goes on reading, so that the process is never held up.
 *
 * @returns What was found.
 * @throws {Error} With all that was written, if it ends before.
 */
export async function firstMatch(written: ReadableStream<Uint8Array>, wanted: RegExp): Promise<string> {
  let told = "";
  const match = Promise.withResolvers<string>();
  void (async () => {
    for await (const bytes of written) {
      told += new TextDecoder().decode(bytes);
      const [found] = wanted.exec(told) ?? [];
      if (found) match.resolve(found);
    }
    match.reject(new Error(told));
  })();
  return await match.promise;
}

/** A page in a browser that ends with it. */
export class BrowserPage implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #socket: WebSocket;
  readonly #profile: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  /** Errors that the page's scripts and policies told the console. */
  readonly errors: string[] = [];
  #session: string | undefined;
  #commands = 0;

  private constructor(process: Deno.ChildProcess, socket: WebSocket, profile: string) {
    [this.#process, this.#socket, this.#profile] = [process, socket, profile];
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  /** Opens an address. @param size Of the window in CSS pixels. */
  static async open(url: string, { width, height }: { width: number; height: number }): Promise<BrowserPage> {
    const profile = await Deno.makeTempDir();
    const process = new Deno.Command("chromium", {
      args: [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        "--accept-lang=zh-CN",
      ]
        .concat(`--user-data-dir=${profile}`, "about:blank"),
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const socket = new WebSocket(await firstMatch(process.stderr, /ws:\/\/\S+/));
    await new Promise((resolve) => socket.onopen = resolve);
    const page = new BrowserPage(process, socket, profile);
    const { targetId } = await page.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.send("Target.attachToTarget", { targetId, flatten: true });
    page.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    await page.resize(width, height);
    await page.send("Page.navigate", { url });
    await page.until("document.readyState === 'complete'");
    return page;
  }

  /** Sends a command. @returns Its result. */
  async send(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = ++this.#commands, waiting = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, waiting);
    this.#socket.send(
      JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) }),
    );
    return await waiting.promise;
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      ...{ expression, awaitPromise: true, returnByValue: true },
    }) as { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
    assert.equal(exceptionDetails, undefined, exceptionDetails?.exception?.description);
    return result.value;
  }

  /** Waits until an expression is true, at most ten seconds. */
  async until(expression: string): Promise<void> {
    for (let turn = 0; turn < 200; turn++) {
      if (await this.evaluate(expression)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`never true: ${expression}; the page says ${await this.evaluate("document.body.innerText")}`);
  }

  /** Types a text as an input method does. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Presses a key. @param modifiers 2: Ctrl, 8: Shift. */
  async press(key: string, modifiers = 0): Promise<void> {
    const windowsVirtualKeyCode = { Enter: 13, Tab: 9, " ": 32, ArrowDown: 40 }[key] ?? key.charCodeAt(0);
    const text = { Enter: "\r", " ": " " }[key];
    const event = { key, code: key, windowsVirtualKeyCode, modifiers, ...(text && { text }) };
    await this.send("Input.dispatchKeyEvent", { ...event, type: "keyDown" });
    await this.send("Input.dispatchKeyEvent", { ...event, type: "keyUp" });
  }

  async resize(width: number, height: number): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
  }

  /** Writes what is seen to a PNG. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.send("Page.captureScreenshot") as { data: string };
    await Deno.writeFile(path, Uint8Array.fromBase64(data));
  }

  async [Symbol.asyncDispose]() {
    const closed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.close();
    await closed;
    this.#process.kill("SIGTERM");
    await this.#process.status;
    await Deno.remove(this.#profile, { recursive: true }).catch(() => {});
  }

  #hear(
    { id, method, params, result, error }: {
      id?: number;
      method?: string;
      // deno-lint-ignore no-explicit-any -- whatever the protocol says
      params?: any;
      result?: Record<string, unknown>;
      error?: { message: string };
    },
  ) {
    if (method === "Runtime.exceptionThrown") this.errors.push(params.exceptionDetails.exception.description);
    if (method === "Log.entryAdded" && params.entry.level === "error") this.errors.push(params.entry.text);
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id!);
    if (error) waiting.reject(new Error(error.message));
    else waiting.resolve(result!);
  }
}
