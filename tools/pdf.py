"""Print the built book as one PDF, `_build/book.pdf`: `python -m tools.pdf`.

Pages are read from the built book, put one after another into one page, and printed by Chromium,
so that the PDF shows what the pages show. LaTeX would have to be told anew what a claim, a table or
an animation is, of which notebooks hold HTML only; and the tests need a browser anyway.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from playwright.sync_api import sync_playwright

from tools.project import BookError, pages

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MARGIN = "18mm"
WIDTH = 658  # pixels between the margins of A4
FOOTER = (
    '<div style="width: 100%; font: 8pt sans-serif; text-align: center">'
    '<span class="pageNumber"></span></div>'
)

# One page of all pages: ids become unique, links lead inside, and what is folded is either opened
# (solutions, claims) or left out (code).
JOIN = """async (names) => {
  const whole = document.querySelector("article.bd-article");
  const key = (url, id) => url.pathname.replace(/\\W/g, "-") + "-" + id;
  const inside = (node, url) => {
    for (const each of node.querySelectorAll("[id]")) each.id = key(url, each.id);
    for (const link of node.querySelectorAll("a[href]")) {
      const to = new URL(link.getAttribute("href"), url);
      const own = to.origin === location.origin && names.includes(to.pathname.slice(1, -5));
      link.href = own ? "#" + key(to, to.hash.slice(1)) : to.href;
    }
    for (const image of node.querySelectorAll("img[src]"))
      image.src = new URL(image.getAttribute("src"), url);
    return node;
  };
  const links = document.querySelector("nav.bd-links").cloneNode(true);
  const contents = inside(links, new URL(location));
  contents.querySelectorAll("input, label").forEach((node) => node.remove());
  contents.querySelectorAll("[role=heading]").forEach((node) => node.removeAttribute("role"));
  const title = document.createElement("p");
  title.className = "book-title";
  title.textContent = document.querySelector('meta[property="og:site_name"]').content;
  whole.replaceChildren(title, contents);
  for (const name of names) {
    const url = new URL("/" + name + ".html", location);
    const page = new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html");
    const article = inside(page.querySelector("article.bd-article"), url);
    article.id = key(url, "");
    article.querySelectorAll("script, .headerlink, .toctree-wrapper, details.above-input")
      .forEach((node) => node.remove());
    article.querySelectorAll("details").forEach((node) => { node.open = true; });
    whole.append(article);
  }
  document.body.classList.add("whole-book");
  await MathJax.typesetPromise([whole]);
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
}"""

# Whatever is wider than the paper is made smaller; returns what is wider even so.
FIT = """() => {
  const right = document.querySelector("article.bd-article").getBoundingClientRect().right;
  const wide = () => [...document.querySelectorAll("article :is(mjx-math, table, pre, img, svg)")]
    .filter((node) => node.getBoundingClientRect().right > right + 1);
  for (const node of wide()) {
    const box = node.getBoundingClientRect();
    const outer = node.closest("mjx-container") ?? node;
    outer.style.zoom = Math.max(0.4, 0.98 * (right - box.left) / box.width);
  }
  return wide().map((node) => node.closest("[id]").id);
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def find_browser() -> str:
    """Return Chromium, or say how to get it."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise BookError(
            f"The PDF is printed by a browser, and none of {', '.join(BROWSERS)} is installed.\n"
            "On Debian or Ubuntu: apt install chromium fonts-dejavu-core"
        )
    return found


def print_book(root: str | Path) -> Path:
    """Write `_build/book.pdf` from `_build/html`, and return it.

    Raises:
        BookError: If the book has not been built, there is no browser, or something is cut.
    """
    root = Path(root)
    html, target = root / "_build" / "html", root / "_build" / "book.pdf"
    if not (html / "index.html").is_file():
        raise BookError("there is no book to print; run `make book` first")
    browser = find_browser()
    names = list(pages(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))))
    handler = partial(_Quiet, directory=html)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": 1000}, color_scheme="light", reduced_motion="reduce"
        )
        page.set_default_timeout(0)
        page.goto(f"http://127.0.0.1:{server.server_port}/{names[0]}.html")
        page.emulate_media(media="print")
        page.evaluate(JOIN, names)
        cut = page.evaluate(FIT)
        page.pdf(
            path=target,
            format="A4",
            margin={"top": MARGIN, "bottom": MARGIN, "left": MARGIN, "right": MARGIN},
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOTER,
            print_background=True,
            outline=True,
            tagged=True,
        )
        chromium.close()
        server.shutdown()
    if cut:
        raise BookError(f"too wide for the paper, and cut: {', '.join(cut)}")
    return target


if __name__ == "__main__":
    try:
        print(os.path.relpath(print_book(".")))
    except BookError as error:
        sys.exit(str(error))
