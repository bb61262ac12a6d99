// Excerpts of a search show prose: no code, and no formulas as they are typed.
addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const toText = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll("pre, summary").forEach((node) => node.remove());
    page.querySelectorAll(".math").forEach((node) => node.replaceWith("…"));
    return toText(page.documentElement.outerHTML, anchor);
  };
});
