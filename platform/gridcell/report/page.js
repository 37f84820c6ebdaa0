// What a reader can do with a page: sort and filter tables, point at values, hide series. Without it all is shown.

// Tables: a click on a heading sorts, a second click the other way. A cell's data-sort stands for its text;
// what is empty stays below.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  headings.forEach((heading, column) => {
    if (!heading.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const rows = [...body.rows].sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return sign * (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b);
      });
      body.append(...rows);
    });
  });
  if (body.rows.length < 8) continue;
  const label = document.createElement("label");
  const field = Object.assign(document.createElement("input"), { type: "search" });
  const count = document.createElement("output");
  label.className = "filter";
  label.append("Filter rows ", field, " ", count);
  table.parentElement.before(label);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    count.textContent = words.length ? `${shown} of ${body.rows.length} rows` : "";
  });
}

// Figures: an entry of the legend hides and shows its series.
for (const button of document.querySelectorAll("button[data-key]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    const figure = button.closest("figure");
    for (const part of figure.querySelectorAll(`[data-s="${button.dataset.key}"]`)) part.classList.toggle("off", !shown);
  });
}

// What tells a value does so under the pointer, or a finger.
const tip = document.getElementById("tip");
const tell = (event) => {
  const text = event.target.dataset?.t;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const width = document.documentElement.clientWidth;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, event.clientY - tip.offsetHeight - 10)}px`;
};
for (const name of ["pointermove", "pointerdown"]) document.addEventListener(name, tell);
document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });

// What is wider than its frame can be reached by the keyboard.
const frames = () => {
  for (const frame of document.querySelectorAll(".scroll")) {
    const wider = frame.scrollWidth > frame.clientWidth + 1;
    frame.classList.toggle("wider", wider);
    if (!wider) frame.removeAttribute("tabindex");
    else frame.tabIndex = 0;
  }
};
frames();
addEventListener("resize", frames);
document.addEventListener("toggle", frames, true);

// On paper nothing stays folded.
const folded = [];
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details:not([open])")) folded.push(one), (one.open = true);
});
addEventListener("afterprint", () => folded.splice(0).forEach((one) => (one.open = false)));
