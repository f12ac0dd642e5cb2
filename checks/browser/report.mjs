// Asks the report, as a reader would, for what the matrix file says.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";
import { faint } from "./contrast.mjs";

const [, , reportPath, matrixPath, profile] = process.argv;
const matrix = JSON.parse(readFileSync(matrixPath, "utf8"));
const url = pathToFileURL(reportPath).href;
const MOST_SHOWN = 48;

let passed = 0;
let failed = 0;
async function check(what, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok      ${what}`);
  } catch (error) {
    failed += 1;
    console.log(`failed  ${what}: ${error.message}`);
  }
}
function equal(found, wanted, what = "found") {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what} ${a}, wanted ${b}`);
}
function holds(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

// What the matrix file says, by pair: the openings and the rules.
const pairs = new Map();
for (const entry of matrix.entries) {
  const key = `${entry.from} ${entry.to}`;
  const pair = pairs.get(key) ?? { openings: 0, own: false, rules: new Set() };
  if (entry.self) pair.own = true;
  else pair.openings += Math.max(1, entry.ports.length);
  for (const rule of entry.rules) pair.rules.add(rule);
  pairs.set(key, pair);
}
const classes = Object.keys(matrix.classes);

const readMatrix = () => {
  const table = document.getElementById("matrix");
  const columns = Array.from(table.tHead.rows[1].cells, (cell) => cell.dataset.id);
  const rows = Array.from(table.tBodies).flatMap((body) => Array.from(body.rows));
  return {
    columns,
    rows: rows.map((row) => row.cells[0].dataset.id),
    cells: rows.flatMap((row) =>
      Array.from(row.cells).slice(1).map((cell, n) => ({
        key: `${row.cells[0].dataset.id} ${columns[n]}`,
        open: cell.classList.contains("open"),
        openings: Number(cell.querySelector("b")?.textContent ?? 0),
        own: cell.querySelector(".own") !== null,
        stops: cell.tabIndex === 0,
      })),
    ),
  };
};
// Where the focus is, and what the details say.
const focus = () => {
  const table = document.getElementById("matrix");
  const rows = Array.from(table.tBodies).flatMap((body) => Array.from(body.rows));
  const cell = document.activeElement;
  const detail = document.getElementById("detail");
  const inside = table.contains(cell);
  return {
    row: inside ? rows.indexOf(cell.parentElement) : -1,
    column: inside ? cell.cellIndex - 1 : -1,
    described: cell.getAttribute("aria-describedby"),
    rules: detail.checkVisibility() ? Array.from(detail.querySelectorAll(".rule"), (rule) => rule.firstChild.data) : null,
    closed: detail.checkVisibility() && detail.textContent.includes("Closed"),
  };
};
const rulesOf = (key) => Array.from(pairs.get(key)?.rules ?? []).sort();
const unique = (list) => Array.from(new Set(list)).sort();

const browser = new Browser(profile);
const page = await browser.page();
await page.size(1280);
await page.media("light");
await page.open(url);

let shown;
await check("the matrix has a row and a column for each class", async () => {
  shown = await page.run(readMatrix);
  equal(shown.columns, shown.rows, "columns");
  equal(shown.rows.length, Math.min(classes.length, MOST_SHOWN), "rows");
  for (const row of shown.rows) holds(classes.includes(row), `${row} is no class`);
  if (classes.length <= MOST_SHOWN) equal(unique(shown.rows), unique(classes), "classes");
});
await check("each cell counts the openings of its pair", async () => {
  for (const cell of shown.cells) {
    const pair = pairs.get(cell.key);
    equal([cell.open, cell.openings, cell.own], [pair !== undefined, pair?.openings ?? 0, pair?.own ?? false], cell.key);
  }
});
await check("the matrix is one stop of the Tab key", async () => {
  equal(shown.cells.filter((cell) => cell.stops).length, 1, "stops");
});

const side = shown.rows.length;
const keyAt = (row, column) => `${shown.rows[row]} ${shown.columns[column]}`;
await check("arrow keys move the focus and show the rules", async () => {
  await page.run(() => document.querySelector("#matrix td[tabindex='0']").focus());
  let [row, column] = [0, 0];
  const steps = ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp", "End", "ArrowRight", "Home"];
  const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0], End: [0, side], Home: [0, -side] };
  const within = (place) => Math.min(Math.max(place, 0), side - 1);
  for (const step of steps) {
    await page.key(step);
    row = within(row + moves[step][0]);
    column = within(column + moves[step][1]);
    const at = await page.run(focus);
    equal([at.row, at.column, at.described], [row, column, "detail"], `after ${step}`);
    equal(unique(at.rules), rulesOf(keyAt(row, column)), `rules of ${keyAt(row, column)}`);
    equal(at.closed, !pairs.has(keyAt(row, column)), `closed ${keyAt(row, column)}`);
  }
});
await check("Esc closes the details and keeps the place", async () => {
  const before = await page.run(focus);
  await page.key("Escape");
  const after = await page.run(focus);
  equal(after, { ...before, described: null, rules: null, closed: false });
});
await check("pointing at any open cell shows its rules", async () => {
  await page.run(() => document.activeElement.blur());
  for (const [n, cell] of shown.cells.entries()) {
    if (!cell.open) continue;
    const spot = await page.run((n) => {
      const cell = document.querySelectorAll("#matrix tbody td")[n];
      cell.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
      const box = cell.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    }, n);
    await page.point(0, 0);
    await page.point(...spot);
    const at = await page.run(focus);
    equal(at.rules && unique(at.rules), rulesOf(cell.key), `rules of ${cell.key}`);
  }
  await page.point(0, 0);
  equal((await page.run(focus)).rules, null, "details after leaving");
});

const lookUp = async (name) => {
  await page.run(() => {
    const input = document.getElementById("who");
    input.value = "";
    input.focus();
  });
  await page.type(name);
  await page.key("ArrowDown");
  await page.key("Enter");
  return page.run(() =>
    Array.from(document.querySelectorAll("#who-result section"), (part) =>
      Array.from(part.querySelectorAll("th div"), (one) => one.firstChild.data),
    ),
  );
};
// Class labels that a member reaches, and by which it is reached, with nobody but itself left out.
const label = (id) => (id === "people" ? "no group" : id.replace(/^(role|group):/, ""));
const around = (id) => {
  const alone = (one) => one === id && matrix.classes[id].length === 1;
  const between = matrix.entries.filter((entry) => !entry.self);
  const to = between.filter((entry) => entry.from === id && !alone(entry.to)).map((entry) => label(entry.to));
  const from = between.filter((entry) => entry.to === id && !alone(entry.from)).map((entry) => label(entry.from));
  if (matrix.entries.some((entry) => entry.self && entry.from === id)) to.push("own devices");
  return [unique(to), unique(from)];
};
await check("the lookup finds a member of each class, what it reaches and what reaches it", async () => {
  for (const [id, members] of Object.entries(matrix.classes)) {
    if (members.length === 0) continue;
    const found = await lookUp(members[members.length - 1]);
    equal(found.map((side) => side.sort()), around(id), members[members.length - 1]);
  }
});
await check("without a match the lookup says so", async () => {
  await page.run(() => ((document.getElementById("who").value = ""), document.getElementById("who").focus()));
  await page.type("no-such-name");
  equal(await page.run(() => document.getElementById("who-status").textContent), "Nothing has that name.");
});

const backgrounds = [];
for (const scheme of ["light", "dark"]) {
  await page.media(scheme);
  await check(`every text has enough contrast, ${scheme}`, async () => {
    await page.run(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
    await page.run(() => document.querySelector("#matrix td.open")?.focus());
    const { looked, found } = await page.run(faint);
    holds(looked > 100, `only ${looked} texts were looked at`);
    equal(found, [], "faint texts");
  });
  backgrounds.push(await page.run(() => getComputedStyle(document.body).backgroundColor));
}
await check("dark differs from light", async () => holds(backgrounds[0] !== backgrounds[1], `both are ${backgrounds[0]}`));

for (const width of [320, 400, 1280]) {
  await check(`nothing overflows the page at ${width} px`, async () => {
    await page.size(width);
    const wide = await page.run(() => document.documentElement.scrollWidth);
    holds(wide <= width, `the page is ${wide} px wide`);
  });
}
await check("a refused style or script would have been noticed", async () => {
  const before = page.complaints.length;
  await page.run(() => {
    const style = document.createElement("style");
    style.textContent = "body { color: red }";
    document.head.append(style);
  });
  await page.run(() => new Promise((resolve) => setTimeout(resolve, 50)));
  holds(page.complaints.length > before, "the content security policy refused nothing");
  page.complaints.length = before;
});
await check("no message on the console", async () => equal(page.complaints, [], "messages"));
await check("no request but for the page itself", async () =>
  equal(page.requests.filter((one) => one !== url && !one.startsWith("data:")), [], "requests"));

const bare = await browser.page();
await bare.send("Emulation.setScriptExecutionDisabled", { value: true });
await bare.open(url);
await check("every rule stands in the page without its script", async () => {
  const html = (await bare.html()).replace(/<script[\s\S]*?<\/script>/g, "");
  const text = html.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
  const missing = unique(matrix.entries.flatMap((entry) => entry.rules)).filter((rule) => !text.includes(rule));
  if (classes.length <= MOST_SHOWN) equal(missing, [], "missing rules");
  holds(/id="matrix"[^>]*>/.test(html) && !/role="grid"/.test(html), "the script ran");
});

if (process.env.KEYSTONE_SCREENSHOTS) {
  const folder = process.env.KEYSTONE_SCREENSHOTS;
  mkdirSync(folder, { recursive: true });
  for (const [name, width, scheme, media] of [
    ["light", 1280, "light", ""],
    ["dark", 1280, "dark", ""],
    ["light-400", 400, "light", ""],
    ["dark-400", 400, "dark", ""],
    ["paper", 1000, "light", "print"],
  ]) {
    const fresh = await browser.page();
    await fresh.size(width);
    await fresh.media(scheme, media);
    await fresh.open(url);
    if (name === "light") await fresh.run(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
    writeFileSync(`${folder}/${name}.png`, await fresh.picture());
    if (media) continue;
    await fresh.run(() => {
      const cell = document.querySelectorAll("#matrix td.open:not(.all)")[9];
      cell?.scrollIntoView({ block: "center", behavior: "instant" });
      cell?.focus();
    });
    writeFileSync(`${folder}/${name}-detail.png`, await fresh.picture(false));
    const someone = Object.values(matrix.classes).flat()[0];
    await fresh.run(() => {
      document.getElementById("lookup").scrollIntoView({ behavior: "instant" });
      document.getElementById("who").focus();
    });
    await fresh.type(someone.slice(0, 2));
    writeFileSync(`${folder}/${name}-list.png`, await fresh.picture(false));
    await fresh.key("ArrowDown");
    await fresh.key("Enter");
    writeFileSync(`${folder}/${name}-lookup.png`, await fresh.picture(false));
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
