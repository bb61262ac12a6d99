// Tables of which a reader can choose rows: mflib.book.tables.filtered_table. Without this script
// they show all of them. Jupyter Book loads every script found here.

(() => {
  "use strict";

  // Small letters without accents, so that "schotz" finds Schötz.
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  const prepare = (box) => {
    const form = box.querySelector("form.filter");
    const { words } = form.elements;
    const choices = [...form.querySelectorAll("select")];
    const status = form.querySelector("[role=status]");
    const rows = [...box.querySelectorAll("tbody tr")];
    const texts = rows.map((row) => plain(row.textContent));

    const show = () => {
      const wanted = plain(words.value).split(/\s+/).filter(Boolean);
      rows.forEach((row, i) => {
        const groups = row.dataset.groups.split("|");
        const fits = choices.every(({ value }, k) => !value || groups[k] === value);
        row.hidden = !fits || !wanted.every((word) => texts[i].includes(word));
      });
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = `${shown} of ${rows.length} ${status.dataset.noun}`;
    };

    // A link to a row that is not shown takes the choice back.
    const reveal = () => {
      const row = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (row?.hidden && rows.includes(row)) {
        form.reset();
        show();
        row.scrollIntoView();
      }
    };

    form.addEventListener("input", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", reveal);
    form.hidden = false;
    show();
    reveal();
  };

  const start = () => document.querySelectorAll(".filtered").forEach(prepare);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
