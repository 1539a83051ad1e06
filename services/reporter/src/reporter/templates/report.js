"use strict";

// Tables sort by a click on a header. Everything here only adds to a page that reads without it.
(() => {
  const MISSING = /^[—\s]*$/;
  const NUMBER = /^[^\d]*?(-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?)/i;

  function cellText(cell) {
    // A figure's small print, as its interval, stands in an element of its own behind it.
    const first = [...cell.childNodes].find((node) => node.textContent.trim());
    return (first ? first.textContent : "").trim();
  }

  function cellNumber(text) {
    const found = NUMBER.exec(text.replaceAll("−", "-"));
    return found ? Number(found[1].replaceAll(",", "")) : NaN;
  }

  // A row of the class "error" says more about the row above it and moves with it.
  function rowGroups(body) {
    const groups = [];
    for (const row of body.rows) {
      if (row.classList.contains("error") && groups.length) groups.at(-1).push(row);
      else groups.push([row]);
    }
    return groups;
  }

  function compareTexts(a, b) {
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sortRows(table, column, sign) {
    const rows = rowGroups(table.tBodies[0]).map((group) => ({ group, text: cellText(group[0].cells[column]) }));
    const present = rows.filter(({ text }) => !MISSING.test(text));
    const isNumeric =
      table.tHead.rows[0].cells[column].classList.contains("num") &&
      present.every(({ text }) => !Number.isNaN(cellNumber(text)));
    const compare = isNumeric
      ? (a, b) => cellNumber(a.text) - cellNumber(b.text)
      : (a, b) => compareTexts(a.text, b.text);
    // What is missing stays last, whichever way the others go.
    const missing = rows.filter(({ text }) => MISSING.test(text));
    const sorted = [...present.sort((a, b) => sign * compare(a, b)), ...missing];
    table.tBodies[0].append(...sorted.flatMap(({ group }) => group));
  }

  function sortBy(table, header) {
    const isAscending = header.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
    sortRows(table, header.cellIndex, isAscending ? 1 : -1);
  }

  function isSortable(table) {
    if (!table.tHead || table.tHead.rows.length !== 1 || table.tBodies.length !== 1) return false;
    const width = table.tHead.rows[0].cells.length;
    const groups = rowGroups(table.tBodies[0]);
    return groups.length > 1 && groups.every(([row]) => row.cells.length === width);
  }

  function addSortButton(table, header) {
    if (!header.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(table, header));
    header.append(button);
  }

  for (const table of document.querySelectorAll("table")) {
    if (isSortable(table)) [...table.tHead.rows[0].cells].forEach((header) => addSortButton(table, header));
  }
})();

// Paper has no controls: what is folded is open in print, and as it was afterwards.
(() => {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();
