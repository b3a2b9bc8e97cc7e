"use strict";
// Without this script the page shows everything; with it tables sort and filter, and details open for print.
for (const each of document.querySelectorAll(".controls, .scripted")) each.hidden = false;

const value = (cell) => {
  const number = parseFloat(cell.textContent.replace(/,/g, ""));
  return Number.isNaN(number) ? null : number;
};

const compare = (a, b, column, sign) => {
  if (column === 0) return sign * a.textContent.localeCompare(b.textContent, "en", { numeric: true });
  const [one, other] = [value(a), value(b)];
  if (one === null || other === null) return (one === null) - (other === null); // what is missing is last
  return sign * (one - other);
};

for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const now = header.getAttribute("aria-sort");
      const descending = now ? now === "ascending" : column > 0 && /^(?!rank$|.*↓|.*\ss$)/.test(button.textContent);
      for (const each of headers) each.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => compare(a.cells[column], b.cells[column], column, descending ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}

const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  let all = 0;
  for (const board of document.querySelectorAll(".board")) {
    let left = 0;
    for (const row of board.querySelector("table.sortable").tBodies[0].rows) {
      const text = `${board.dataset.title} ${row.cells[0].textContent}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += !row.hidden;
      all += 1;
    }
    board.hidden = left === 0;
    shown += left;
  }
  document.getElementById("shown").textContent = words.length ? `${shown} of ${all} rows` : "";
});

addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
});
