"use strict";
// Everything is readable without this script: it only adds sorting, filters and a larger view.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  document.documentElement.classList.add("scripted");
  for (const part of all(".script")) part.hidden = false;
  for (const form of all("form")) form.addEventListener("submit", (event) => event.preventDefault());

  // Sorting: a button in every heading; the table keeps its own order as the third state.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.sort === undefined ? cell.textContent.trim() : Number(cell.dataset.sort);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const sortable = (table) => {
    const heads = all("thead th", table);
    const body = table.tBodies[0];
    const original = [...body.rows];
    if (original.length < 2) return;
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = head.classList.contains("number") && column > 0 ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const now = before === "none" ? first : before === first ? second : "none";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", now);
        const sign = now === "descending" ? -1 : 1;
        const rows = now === "none" ? original : [...original].sort((a, b) => sign * compare(value(a, column), value(b, column)));
        body.append(...rows);
      });
    });
  };
  all("table.sortable").forEach(sortable);

  // Filters of the leaderboard.
  const find = document.getElementById("find");
  const choices = all("[data-filter]");
  const found = document.getElementById("found");
  const filter = () => {
    const words = find.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    let total = 0;
    for (const section of all("#leaderboard .section")) {
      const wanted = choices.every((choice) => !choice.value || section.dataset[choice.dataset.filter] === choice.value);
      let here = 0;
      for (const row of all("tbody tr", section)) {
        const text = row.textContent.toLocaleLowerCase();
        row.hidden = !(wanted && words.every((word) => text.includes(word)));
        total += 1;
        here += row.hidden ? 0 : 1;
      }
      section.hidden = here === 0;
      shown += here;
    }
    found.textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
  };
  find.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("change", filter);
  filter();

  // Galleries: one class, or one number of shots.
  for (const gallery of all(".gallery")) {
    const chosen = all("[data-choose]", gallery);
    const choose = () => {
      const values = Object.fromEntries(chosen.map((select) => [select.dataset.choose, select.value]));
      for (const one of all(".class", gallery)) one.hidden = Boolean(values.label) && one.dataset.label !== values.label;
      for (const strip of all(".strip", gallery)) {
        const own = strip.dataset.shots;
        strip.hidden = Boolean(values.shots) && own !== "" && own !== "0" && own !== values.shots;
      }
    };
    for (const select of chosen) select.addEventListener("change", choose);
  }

  // The larger view: a modal dialog, which keeps the focus within and gives it back.
  const box = document.getElementById("lightbox");
  const image = document.getElementById("lightbox-image");
  const caption = document.getElementById("lightbox-caption");
  const place = document.getElementById("lightbox-place");
  let cells = [];
  let at = 0;
  const show = (index) => {
    at = (index + cells.length) % cells.length;
    const cell = cells[at];
    const small = cell.querySelector("img");
    image.src = cell.getAttribute("href") || small.src;
    image.alt = small.alt;
    caption.textContent = cell.dataset.caption;
    place.textContent = `${at + 1} of ${cells.length}`;
  };
  const open = (cell) => {
    cells = all(".cell").filter((one) => one.getClientRects().length > 0);
    show(Math.max(0, cells.indexOf(cell)));
    box.showModal();
  };
  for (const cell of all(".cell")) {
    if (!cell.hasAttribute("href")) {
      cell.tabIndex = 0;
      cell.setAttribute("role", "button");
    }
    cell.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open(cell);
    });
    cell.addEventListener("keydown", (event) => {
      if (event.key === " " || (event.key === "Enter" && !cell.hasAttribute("href"))) {
        event.preventDefault();
        open(cell);
      }
    });
  }
  document.getElementById("previous").addEventListener("click", () => show(at - 1));
  document.getElementById("next").addEventListener("click", () => show(at + 1));
  document.getElementById("close").addEventListener("click", () => box.close());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") show(at - 1);
    if (event.key === "ArrowRight") show(at + 1);
  });
  box.addEventListener("close", () => { if (cells[at]) cells[at].focus(); });

  // On paper everything is open, and lazy pictures are there.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const part of opened) part.open = true;
    for (const one of all("img[loading=lazy]")) one.loading = "eager";
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
})();
