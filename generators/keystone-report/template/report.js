
"use strict";
// Adds to a page that is whole without it: keys and details in the matrix, and the lookup by name.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [LABEL, KIND, MEMBERS] = [0, 1, 2];
  const table = document.getElementById("matrix");
  const detail = document.getElementById("detail");
  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;

  // Openings by pair of classes.
  const pairs = new Map();
  for (const [from, to, opening, own] of data.entries) {
    const key = from + ">" + to;
    if (!pairs.has(key)) pairs.set(key, { between: [], own: [] });
    pairs.get(key)[own ? "own" : "between"].push(data.openings[opening]);
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // One opening: its ports, then the rules that decide.
  function openingBlock([ports, rules]) {
    const block = element("div", "", "opening");
    block.append(element("span", ports, "ports-line"));
    for (const place of rules) {
      const [name, about] = data.rules[place];
      const line = element("span", name, "rule");
      if (about) line.append(element("span", " – " + about, "about"));
      block.append(line);
    }
    return block;
  }

  // The same where many stand below each other: without what the rules are about.
  function openingLine([ports, rules]) {
    const block = element("div", "", "opening");
    block.append(element("span", ports, "ports-line"));
    block.append(element("span", rules.map((place) => data.rules[place][0]).join(", "), "rule about"));
    return block;
  }

  // ---- the matrix ----

  const rows = Array.from(table.tBodies).flatMap((body) => Array.from(body.rows));
  const grid = rows.map((row) => Array.from(row.cells).slice(1));
  const columnHeads = Array.from(table.tHead.rows[1].cells);
  const position = new Map();
  grid.forEach((cells, y) => cells.forEach((cell, x) => position.set(cell, [y, x])));
  let current = grid.length && grid[0].length ? grid[0][0] : null;
  let shown = null;

  function fill(cell) {
    const [y, x] = position.get(cell);
    const from = Number(rows[y].cells[0].dataset.class);
    const to = Number(columnHeads[x].dataset.class);
    const open = pairs.get(from + ">" + to);
    detail.replaceChildren(element("h4", data.classes[from][LABEL] + " → " + data.classes[to][LABEL]));
    if (!open) {
      detail.append(element("div", "Closed: no rule opens anything."));
      return;
    }
    if (open.own.length && open.between.length) detail.append(element("h5", "Between members"));
    detail.append(...open.between.map(openingBlock));
    if (open.own.length) detail.append(element("h5", "Among each member’s own devices"), ...open.own.map(openingBlock));
  }

  function place(cell) {
    const box = cell.getBoundingClientRect();
    const width = detail.offsetWidth;
    const height = detail.offsetHeight;
    const page = document.documentElement;
    const left = Math.min(Math.max(12, box.left), page.clientWidth - width - 12);
    const below = box.bottom + 6;
    const top = below + height <= page.clientHeight || box.top - height - 6 < 0 ? below : box.top - height - 6;
    detail.style.left = Math.max(12, left) + window.scrollX + "px";
    detail.style.top = top + window.scrollY + "px";
  }

  function hide() {
    if (!shown) return;
    shown.removeAttribute("aria-describedby");
    for (const head of table.querySelectorAll(".lit")) head.classList.remove("lit");
    shown = null;
    detail.hidden = true;
  }

  function show(cell) {
    hide();
    fill(cell);
    detail.hidden = false;
    place(cell);
    const [y, x] = position.get(cell);
    rows[y].cells[0].classList.add("lit");
    columnHeads[x].classList.add("lit");
    cell.setAttribute("aria-describedby", "detail");
    shown = cell;
  }

  function go(y, x) {
    const next = grid[Math.min(Math.max(y, 0), grid.length - 1)]?.[Math.min(Math.max(x, 0), columnHeads.length - 1)];
    if (!next) return;
    current.tabIndex = -1;
    next.tabIndex = 0;
    current = next;
    next.focus({ preventScroll: true });
    // Under the sticky first column a cell would be focused unseen.
    const frame = table.parentElement;
    const box = next.getBoundingClientRect();
    const view = frame.getBoundingClientRect();
    const sticky = rows[0].cells[0].offsetWidth;
    if (box.left < view.left + sticky) frame.scrollLeft -= view.left + sticky - box.left;
    if (box.right > view.right) frame.scrollLeft += box.right - view.right;
    next.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    show(next);
  }

  if (current) {
    table.setAttribute("role", "grid");
    for (const cell of position.keys()) cell.tabIndex = -1;
    current.tabIndex = 0;
    table.addEventListener("keydown", (event) => {
      const at = position.get(event.target);
      if (!at || event.altKey || event.metaKey) return;
      const [y, x] = at;
      const [lastRow, lastColumn] = [grid.length - 1, columnHeads.length - 1];
      const target = {
        ArrowUp: [y - 1, x],
        ArrowDown: [y + 1, x],
        ArrowLeft: [y, x - 1],
        ArrowRight: [y, x + 1],
        Home: event.ctrlKey ? [0, 0] : [y, 0],
        End: event.ctrlKey ? [lastRow, lastColumn] : [y, lastColumn],
        PageUp: [0, x],
        PageDown: [lastRow, x],
      }[event.key];
      if (!target) return;
      event.preventDefault();
      go(...target);
    });
    table.addEventListener("focusin", (event) => {
      if (!position.has(event.target)) return;
      if (event.target !== current) {
        current.tabIndex = -1;
        current = event.target;
        current.tabIndex = 0;
      }
      show(event.target);
    });
    table.addEventListener("focusout", hide);
    table.addEventListener("pointerover", (event) => {
      const cell = event.target.closest("td");
      if (cell && position.has(cell) && cell !== shown) show(cell);
    });
    // The pointer may rest on the details without closing them.
    const leave = (event) => {
      const to = event.relatedTarget;
      if (to instanceof Node && (table.contains(to) || detail.contains(to))) return;
      if (position.has(document.activeElement)) show(document.activeElement);
      else hide();
    };
    table.addEventListener("pointerleave", leave);
    detail.addEventListener("pointerleave", leave);
    window.addEventListener("resize", hide);
    table.parentElement.addEventListener("scroll", () => shown && place(shown), { passive: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });

  // ---- the lookup ----

  const input = document.getElementById("who");
  const list = document.getElementById("who-list");
  const status = document.getElementById("who-status");
  const result = document.getElementById("who-result");
  const MOST_OPTIONS = 50;
  const MOST_NAMES = 12;
  const NOUNS = { Machines: "a machine", People: "a person" };
  const OWN = "own devices";
  const subjects = [];
  data.classes.forEach((one, place) => {
    for (const name of one[MEMBERS]) subjects.push({ name, note: one[LABEL], place, member: true });
  });
  subjects.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  data.classes.forEach((one, place) => {
    const note = one[MEMBERS].length ? one[MEMBERS].length + " members" : "from pools";
    subjects.push({ name: one[LABEL], note: "class, " + note, place, member: false });
  });
  let options = [];
  let active = -1;

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function mark(next) {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = next;
    const option = list.children[active];
    if (!option) return;
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  function filter() {
    const wanted = input.value.trim().toLowerCase();
    const starts = [];
    const holds = [];
    for (const one of subjects) {
      const at = one.name.indexOf(wanted);
      if (at === 0) starts.push(one);
      else if (at > 0) holds.push(one);
    }
    const found = starts.concat(holds);
    options = found.slice(0, MOST_OPTIONS);
    list.replaceChildren(
      ...options.map((one, n) => {
        const option = element("li", one.name);
        option.append(element("span", one.note));
        option.id = "who-" + n;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        return option;
      }),
    );
    list.hidden = options.length === 0;
    input.setAttribute("aria-expanded", String(options.length > 0));
    input.removeAttribute("aria-activedescendant");
    active = -1;
    status.textContent =
      found.length > options.length
        ? found.length.toLocaleString("en") + " match; the first " + options.length + " are listed. Type more to narrow them."
        : found.length === 0
          ? "Nothing has that name."
          : "";
  }

  function names(subject, place) {
    if (!data.classes[place][MEMBERS].length) return "machines from pools";
    const others = data.classes[place][MEMBERS].filter((name) => !subject.member || name !== subject.name);
    const first = others.slice(0, MOST_NAMES).join(", ");
    const more = others.length - MOST_NAMES;
    return more > 0 ? first + " and " + more.toLocaleString("en") + " more" : first;
  }

  function side(heading, lines) {
    const part = element("section");
    part.append(element("h4", heading));
    if (!lines.length) {
      part.append(element("p", "Nothing.", "quiet"));
      return part;
    }
    const body = element("tbody");
    // Classes to which the same is open share a row.
    const rowOf = new Map();
    for (const { label, names, openings } of lines) {
      const key = JSON.stringify([openings, label === OWN]);
      let head = rowOf.get(key);
      if (!head) {
        const row = element("tr");
        const cell = element("td");
        head = element("th");
        head.scope = "row";
        cell.append(...openings.map(openingLine));
        row.append(head, cell);
        body.append(row);
        rowOf.set(key, head);
      }
      const one = element("div", label);
      if (names) one.append(element("small", names));
      head.append(one);
    }
    const lists = element("table");
    lists.append(body);
    part.append(lists);
    return part;
  }

  function choose(subject) {
    close();
    input.value = subject.name;
    const own = pairs.get(subject.place + ">" + subject.place)?.own ?? [];
    const lines = (key) =>
      data.classes.flatMap((one, place) => {
        const openings = pairs.get(key(place))?.between ?? [];
        // Nobody is left where the only other member would be the subject itself.
        const alone = subject.member && place === subject.place && one[MEMBERS].length === 1;
        return openings.length && !alone ? [{ label: one[LABEL], names: names(subject, place), openings }] : [];
      });
    const mine = own.length ? [{ label: OWN, names: "", openings: own }] : [];
    const reaches = mine.concat(lines((place) => subject.place + ">" + place));
    const reached = lines((place) => place + ">" + subject.place);
    result.replaceChildren(
      side(subject.name + " reaches", reaches),
      side(subject.name + " is reached by", reached),
    );
    const what = subject.member ? (NOUNS[data.classes[subject.place][KIND]] ?? "a member") + " of the class " + subject.note : "a " + subject.note;
    status.textContent = subject.name + " is " + what + ".";
  }

  input.addEventListener("input", filter);
  input.addEventListener("click", () => list.hidden && filter());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) filter();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (options.length) mark((active + step + options.length + (active < 0 && step < 0 ? 1 : 0)) % options.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const exact = options.find((one) => one.name === input.value.trim().toLowerCase());
      const subject = options[active] ?? exact ?? options[0];
      if (subject && !list.hidden) choose(subject);
    }
  });
  // Before blur closes the list.
  list.addEventListener("pointerdown", (event) => {
    const option = event.target.closest("li");
    event.preventDefault();
    if (option) choose(options[Array.prototype.indexOf.call(list.children, option)]);
  });
})();
