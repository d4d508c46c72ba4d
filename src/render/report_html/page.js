"use strict";
// The page can be read without this: it sorts and filters the tables.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  };
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const isNumber = heading.classList.contains("number");
      const before = heading.getAttribute("aria-sort");
      const order = before ? (before === "ascending" ? "descending" : "ascending") : isNumber ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", order);
      const rows = [...body.rows];
      rows.sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        return sign * (isNumber ? x - y : x < y ? -1 : x > y ? 1 : 0);
      });
      body.append(...rows);
    });
  });
  if (body.rows.length < 15) continue;
  const filter = document.createElement("input");
  filter.type = "search";
  filter.className = "filter";
  filter.placeholder = "Filter";
  filter.setAttribute("aria-label", "Filter the table");
  filter.addEventListener("click", (event) => event.preventDefault());
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    table.closest("details").open = true;
    for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
  table.closest("details").querySelector("summary").append(filter);
}
// A bar leads to its row, which a closed table would hide.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#step-"]');
  if (link) document.getElementById(link.getAttribute("href").slice(1)).closest("details").open = true;
});
addEventListener("beforeprint", () => document.querySelectorAll("#steps details, #images details").forEach((part) => (part.open = true)));
