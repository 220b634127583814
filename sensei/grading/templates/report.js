"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const heat = document.getElementById("heat");
  if (!heat || !data.learners.length || !data.koans.length) return;
  const detail = document.getElementById("detail");
  const list = document.getElementById("koan-list");
  const lesson = document.getElementById("lesson");
  const koanOrder = document.getElementById("koan-order");
  const listOrder = document.getElementById("list-order");
  const learnerOrder = document.getElementById("learner-order");
  const FIRST = 50; // rows that are drawn at once; the rest follows
  const MORE = 150;

  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const later = (step) => requestAnimationFrame(() => setTimeout(step, 0));

  // ------------------------------------------------------------- what to show
  const order = (left, right) => left - right;
  const names = new Intl.Collator("en", { numeric: true });
  const byName = data.learners.map((_, i) => i);
  byName.sort((a, b) => names.compare(data.learners[a][0], data.learners[b][0]) || a - b);
  const ranks = byName.reduce((all, i, rank) => ((all[i] = rank), all), []);

  function learners() {
    const total = (i) => data.learners[i][1];
    if (learnerOrder.value === "name") return byName;
    const sign = learnerOrder.value === "low" ? 1 : -1;
    return [...byName].sort((a, b) => sign * (total(a) - total(b)) || order(ranks[a], ranks[b]));
  }

  function koans() {
    const chosen = data.koans.map((_, i) => i).filter((i) => !lesson.value || data.koans[i][0] === lesson.value);
    const fell = (i) => data.koans[i][2];
    return koanOrder.value === "path" ? chosen : chosen.sort((a, b) => fell(b) - fell(a) || a - b);
  }

  // ------------------------------------------------------------- the heat map
  let columns = [];
  let rows = [];
  let body;
  let drawing = 0;

  const isFirst = (place) => {
    const before = columns[place - 1];
    return koanOrder.value === "path" && before !== undefined && data.koans[before][0] !== data.koans[columns[place]][0];
  };

  function drawHead(table) {
    const group = table.appendChild(make("colgroup"));
    group.append(make("col", "who"), ...columns.map(() => make("col", "koan")));
    const head = table.createTHead();
    if (koanOrder.value === "path") head.append(lessonRow());
    else table.className = "ranked";
    const label = head.appendChild(make("tr", "names"));
    label.append(corner("koan"));
    const counts = head.appendChild(make("tr", "counts"));
    counts.append(corner("fell"));
    const most = Math.max(...data.koans.map((koan) => koan[2]));
    columns.forEach((koan, place) => {
      const [number, title, fell] = data.koans[koan];
      const cell = label.appendChild(make("th", isFirst(place) ? "first" : ""));
      cell.scope = "col";
      cell.title = `${number} ${title}`;
      cell.append(make("span", "", koanOrder.value === "path" || lesson.value ? title : `${number} ${title}`));
      counts.append(make("th", fell && fell >= 0.8 * most ? "many" : "", String(fell)));
    });
  }

  function corner(text) {
    const cell = make("th", "who", text);
    cell.scope = "row";
    return cell;
  }

  function lessonRow() {
    const row = make("tr", "lessons");
    row.append(make("th", "who"));
    for (const [number, title] of data.lessons) {
      const span = columns.filter((koan) => data.koans[koan][0] === number).length;
      if (!span) continue;
      const cell = row.appendChild(make("th", "", `${number} ${title}`));
      cell.colSpan = span;
      cell.scope = "colgroup";
      cell.title = `${number} ${title}`;
    }
    return row;
  }

  function drawRow(learner) {
    const [name, total, max, letters] = data.learners[learner];
    const row = make("tr");
    const who = row.appendChild(make("th", "who"));
    who.scope = "row";
    who.title = `${name}: ${total} of ${max}`;
    const line = who.appendChild(make("div"));
    line.append(make("bdi", "", name), make("b", "", String(total)));
    columns.forEach((koan, place) => {
      const letter = letters[koan];
      const cell = make("td", `k-${letter}${isFirst(place) ? " first" : ""}`, data.kinds[letter][1]);
      row.append(cell);
    });
    return row;
  }

  function draw() {
    columns = koans();
    rows = learners();
    const table = make("table");
    table.setAttribute("aria-label", "Verdicts by learner and koan. Arrow keys move from cell to cell.");
    table.style.setProperty("--columns", columns.length);
    drawHead(table);
    body = table.appendChild(make("tbody"));
    heat.replaceChildren(table);
    drawing += 1;
    drawRows(0, drawing);
    entry(0, 0);
    detail.hidden = true;
  }

  function drawRows(from, round) {
    if (round !== drawing) return;
    const until = Math.min(rows.length, from + (from ? MORE : FIRST));
    const piece = document.createDocumentFragment();
    for (let i = from; i < until; i += 1) piece.append(drawRow(rows[i]));
    body.append(piece);
    if (until < rows.length) later(() => drawRows(until, round));
    else heat.dataset.done = "yes";
  }

  function drawAll() {
    while (body.rows.length < rows.length) body.append(drawRow(rows[body.rows.length]));
    drawing += 1;
    heat.dataset.done = "yes";
  }

  // ------------------------------------------------- from cell to cell by keys
  let current;

  function entry(row, column) {
    if (current) current.tabIndex = -1;
    current = body.rows[row].cells[column + 1];
    current.tabIndex = 0;
    return current;
  }

  const place = (cell) => [cell.parentNode.sectionRowIndex, cell.cellIndex - 1];

  function moved(key, all, row, column) {
    const last = [body.rows.length - 1, columns.length - 1];
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      PageUp: [row - 15, column], PageDown: [row + 15, column],
      Home: [all ? 0 : row, 0], End: [all ? last[0] : row, last[1]],
    }[key];
    return to && to.map((at, i) => Math.max(0, Math.min(last[i], at)));
  }

  heat.addEventListener("keydown", (event) => {
    if (event.target.tagName !== "TD" || event.altKey || event.metaKey) return;
    const to = moved(event.key, event.ctrlKey, ...place(event.target));
    if (!to) return;
    event.preventDefault();
    entry(...to).focus();
  });
  heat.addEventListener("click", (event) => {
    const cell = event.target.closest("td");
    if (cell) entry(...place(cell)).focus();
  });
  heat.addEventListener("focusin", (event) => {
    if (event.target.tagName === "TD") tell(event.target);
  });

  function tell(cell) {
    const [row, column] = place(cell);
    const learner = rows[row];
    const koan = columns[column];
    const [name, , , letters] = data.learners[learner];
    const [number, title] = data.koans[koan];
    const [kind, sign] = data.kinds[letters[koan]];
    cell.setAttribute("aria-label", `${name}, ${number} ${title}: ${kind}`);
    const which = data.given[koan].findIndex((who) => who.includes(learner));
    detail.replaceChildren(
      make("bdi", "", name), ` · ${number} ${title} · `,
      make("span", `sign k-${letters[koan]}`, sign), ` ${kind}`,
    );
    if (which >= 0) tellAnswer(koan, which);
    else if (data.fell.includes(letters[koan])) detail.append(". What was written is in the learner’s feedback.");
    detail.hidden = false;
  }

  function tellAnswer(koan, which) {
    const item = document.querySelectorAll(`#koan-${koan} .given > li`)[which];
    const fill = item.querySelector(".fill");
    if (fill) detail.append(": ", make("code", "", fill.textContent));
    const says = item.querySelector(".says").textContent.split(": ").slice(1).join(": ");
    if (says) detail.append(make("br"), says);
  }

  // --------------------------------------------------------- the list of koans
  const ranked = [...list.children]; // as the page has them: most fell first
  const path = [...ranked].sort((a, b) => a.dataset.place - b.dataset.place);

  function drawList() {
    list.replaceChildren(...(listOrder.value === "path" ? path : ranked));
    for (const item of ranked) item.hidden = lesson.value !== "" && item.dataset.lesson !== lesson.value;
  }

  lesson.addEventListener("change", () => {
    draw();
    drawList();
  });
  koanOrder.addEventListener("change", draw);
  learnerOrder.addEventListener("change", draw);
  listOrder.addEventListener("change", drawList);
  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    form.reset();
  }
  addEventListener("beforeprint", () => {
    drawAll();
    for (const item of document.querySelectorAll("details")) item.open = true;
  });
  draw();
})();
