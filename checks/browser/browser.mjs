// Headless Chromium over its debugging pipe: no package, no port, no other process can join in.
import { spawn } from "node:child_process";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-pipe",
];
const TIMEOUT_MS = 60_000;

export class Browser {
  #child;
  #next = 1;
  #waiting = new Map();
  #listeners = [];
  #log = "";

  constructor(profile) {
    // Chromium reads commands from descriptor 3 and answers on 4, each message ended by a zero byte.
    const stdio = ["ignore", "ignore", "pipe", "pipe", "pipe"];
    this.#child = spawn("chromium", [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], { stdio });
    this.#child.stderr.on("data", (data) => (this.#log += data));
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`chromium ended with ${code}: ${this.#log.slice(-2000)}`));
      }
    });
    let rest = Buffer.alloc(0);
    this.#child.stdio[4].on("data", (data) => {
      rest = Buffer.concat([rest, data]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#receive(JSON.parse(rest.subarray(0, end).toString()));
        rest = rest.subarray(end + 1);
      }
    });
  }

  #receive(message) {
    if (message.id === undefined) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    const { resolve, reject, method } = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) reject(new Error(`${method}: ${message.error.message}`));
    else resolve(message.result);
  }

  send(method, params = {}, sessionId) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), TIMEOUT_MS);
      const done = (then) => (value) => (clearTimeout(timer), then(value));
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject), method });
      this.#child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    });
  }

  on(listener) {
    this.#listeners.push(listener);
  }

  async close() {
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdio[3].write(JSON.stringify({ id: this.#next++, method: "Browser.close" }) + "\0");
    this.#waiting.set(this.#next - 1, { resolve() {}, reject() {} });
    await gone;
  }

  async page() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    for (const domain of ["Page", "Runtime", "Log", "Network", "DOM"]) await page.send(`${domain}.enable`);
    return page;
  }
}

class Page {
  /** Console messages, exceptions, and refusals of the content security policy. */
  complaints = [];
  /** URLs that were asked for. */
  requests = [];
  #loaded = () => {};

  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    browser.on(({ method, params, sessionId }) => {
      if (sessionId !== session) return;
      if (method === "Runtime.consoleAPICalled") {
        this.complaints.push(params.args.map((one) => one.value ?? one.description).join(" "));
      }
      if (method === "Runtime.exceptionThrown") {
        this.complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      }
      if (method === "Log.entryAdded") this.complaints.push(params.entry.text);
      if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
      if (method === "Page.loadEventFired") this.#loaded();
    });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  async open(url) {
    const loaded = new Promise((resolve) => (this.#loaded = resolve));
    await this.send("Page.navigate", { url });
    await loaded;
  }

  /** Runs a function in the page and gives what it returns. */
  async run(code, ...values) {
    const expression = `(${code})(...${JSON.stringify(values)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async key(key, code = key) {
    const codes = { ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40, Escape: 27, Enter: 13, Tab: 9, End: 35, Home: 36 };
    const event = { key, code, windowsVirtualKeyCode: codes[key] };
    await this.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...event });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  async type(text) {
    await this.send("Input.insertText", { text });
  }

  async point(x, y) {
    await this.send("Input.dispatchMouseEvent", { type: "mouseMoved", x, y });
  }

  async size(width, height = 900) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async media(scheme, media = "") {
    await this.send("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async picture(whole = true) {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: whole });
    return Buffer.from(data, "base64");
  }

  async html() {
    const { root } = await this.send("DOM.getDocument", { depth: 0 });
    return (await this.send("DOM.getOuterHTML", { nodeId: root.nodeId })).outerHTML;
  }
}
