"""The rendered book in a real browser: complete, offline, readable, accessible."""

import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit
from zipfile import ZipFile

import nbformat
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

from mflib.book.claims import load_claims
from mflib.book.record import count_verdicts
from tools.dist import pack
from tools.project import pages

pytestmark = pytest.mark.book
ROOT = Path(__file__).parents[1]
PAGES = list(pages(yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))))
PAGES += ["genindex", "py-modindex", "search"]
PHONE, DESKTOP = 360, 1280
HASH_NAME = re.compile(r"[0-9a-f]{16,}|\.(png|svg|jpe?g|gif|webp)$")
# Not the bibliography's list: its roles come from Sphinx, and no style sheet can change them.
AXE_CONTEXT = {"exclude": [[".citation-list"]]}
# What keeps a rule is not asked for: naming it would take most of the time.
AXE_HOW = {"preload": False, "resultTypes": ["violations"]}
AXE_OPTIONS = {"runOnly": ["wcag2a", "wcag2aa"], **AXE_HOW}
# In the dark nothing but colours differs from what was seen in the light.
AXE_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, **AXE_HOW}

LOOK = """() => {
  const article = document.querySelector('article, main');
  const prose = article.cloneNode(true);
  prose.querySelectorAll('pre, code, script, mjx-container').forEach(node => node.remove());
  const math = [...document.querySelectorAll('span.math, div.math')];
  return {
    title: document.querySelector('h1')?.innerText ?? '',
    prose: prose.textContent,
    formulas: math.length,
    unrendered: math.filter(node => !node.querySelector('mjx-container')).length,
    broken: document.querySelectorAll('mjx-merror, [data-mjx-error]').length,
    images: [...document.images].map(image => ({
      alt: image.getAttribute('alt'),
      loaded: image.complete && image.naturalWidth > 0,
      inside: article.contains(image),
      src: image.src.slice(0, 80),
    })),
    links: [...document.querySelectorAll('a[href]')].map(link => link.href),
    anchors: [...document.querySelectorAll('[id]')].map(node => node.id),
  };
}"""

DISTORTED = """() => [...document.querySelectorAll('main img')]
  .filter(({naturalWidth, naturalHeight, clientWidth, clientHeight}) =>
    clientHeight && Math.abs(clientWidth / clientHeight * naturalHeight / naturalWidth - 1) > 0.05)
  .map(image => image.alt)"""


@dataclass
class Visit:
    """What a browser saw of one page."""

    url: str
    requests: list[str] = field(default_factory=list, repr=False)
    complaints: list[str] = field(default_factory=list, repr=False)
    seen: dict = field(default_factory=dict, repr=False)
    phone_width: int = 0
    distorted: list[str] = field(default_factory=list, repr=False)
    axe: list[str] = field(default_factory=list, repr=False)


@pytest.fixture(scope="module")
def site(built):
    """The address of a server for the rendered book."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = partial(Quiet, directory=built / "html")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def open_page(browser, url):
    """Open a page until its formulas are typeset; return it with what happened meanwhile."""
    visit = Visit(url)
    page = browser.new_page(viewport={"width": DESKTOP, "height": 900}, reduced_motion="reduce")
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("requestfailed", lambda request: visit.complaints.append(f"failed: {request.url}"))
    page.on(
        "response",
        lambda answer: answer.ok or visit.complaints.append(f"{answer.status}: {answer.url}"),
    )
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on(
        "console",
        lambda said: said.type in ("error", "warning") and visit.complaints.append(said.text),
    )
    page.goto(url, wait_until="networkidle")
    page.evaluate("window.MathJax?.startup?.promise")
    return page, visit


@pytest.fixture(scope="module")
def visits(browser, site):
    """Every page of the book, seen in light and dark, and as wide as a phone."""
    visits = {}
    for name in PAGES:
        page, visit = open_page(browser, f"{site}{name}.html")
        visit.seen = page.evaluate(LOOK)
        for theme, options in (("light", AXE_OPTIONS), ("dark", AXE_COLOURS)):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            visit.axe += violations(page, theme, options)
        page.set_viewport_size({"width": PHONE, "height": 800})
        visit.phone_width = page.evaluate("document.documentElement.scrollWidth")
        visit.distorted = page.evaluate(DISTORTED)
        page.close()
        visits[name] = visit
    return visits


@pytest.fixture(params=PAGES)
def visit(request, visits):
    return visits[request.param]


def violations(page, mode, options):
    """Return what axe finds, one line per element."""
    found = Axe().run(page, context=AXE_CONTEXT, options=options).response["violations"]
    return [
        f"{mode}: {rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def test_nothing_is_asked_of_the_network(visit, site):
    local = (site, "data:", "blob:")
    assert [url for url in visit.requests if not url.startswith(local)] == []


def test_the_browser_has_no_complaint(visit):
    assert not visit.complaints, "\n".join(visit.complaints)


def test_formulas_are_typeset(visit):
    assert visit.seen["unrendered"] == visit.seen["broken"] == 0
    assert not re.search(r"\$\$|\\\(|\\begin\{", visit.seen["prose"])


def test_the_book_has_formulas(visits):
    assert any(visit.seen["formulas"] for visit in visits.values())


def test_images_load_and_are_described(visit):
    for image in visit.seen["images"]:
        assert image["loaded"], image
        assert image["alt"] is not None, image
        if image["inside"]:
            assert image["alt"].strip(), image
        assert not HASH_NAME.search(image["alt"]), image


def test_a_phone_needs_no_sideways_scrolling(visit):
    assert visit.phone_width <= PHONE


def test_images_keep_their_shape_on_a_phone(visit):
    assert visit.distorted == []


def test_accessibility_rules_are_kept(visit):
    assert not visit.axe, "\n".join(visit.axe)


def test_links_lead_somewhere(visit, visits, site, built):
    anchors = {other.url: set(other.seen["anchors"]) for other in visits.values()}
    for link in visit.seen["links"]:
        url, fragment = urldefrag(link)
        if not url.startswith(site):
            continue
        assert (built / "html" / unquote(urlsplit(url).path).lstrip("/")).exists(), link
        if fragment and url in anchors:
            assert unquote(fragment) in anchors[url], link


FOLDS = """() => [...document.querySelectorAll('details.checks')].map(fold => ({
  said: fold.querySelector('summary').innerText,
  verdicts: [...fold.querySelectorAll('.claim.check')].map(claim => claim.className.split('-')[1]),
  first: fold.querySelector('.claim.check').id,
}))"""


def test_checks_are_folded_and_a_link_opens_them(browser, site, built):
    results = json.loads((built / "results.json").read_text(encoding="utf-8"))
    for chapter in {item["page"] for item in results if item["verdict"] != "not attempted"}:
        page, _ = open_page(browser, f"{site}{chapter}.html")
        folds = page.evaluate(FOLDS)
        assert page.locator(".claim.finding").count() <= 3
        assert page.locator(".claim.check").count() == sum(len(fold["verdicts"]) for fold in folds)
        for fold in folds:
            assert fold["said"] == f"Checks ({count_verdicts(fold['verdicts'])})"
        if folds:
            claim = page.locator(f"#{folds[-1]['first']}")
            assert not claim.is_visible()
            page.evaluate("id => { location.hash = id }", folds[-1]["first"])
            claim.wait_for(state="visible")
        page.close()


def test_without_a_script_every_claim_is_there(browser, site, built):
    results = json.loads((built / "results.json").read_text(encoding="utf-8"))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}chapters/back/results.html")
    rows = page.locator(".tall tbody tr")
    assert rows.count() == page.locator("a.square").count() == len(results)
    assert rows.first.is_visible() and not page.locator("form.filter").is_visible()
    assert page.locator(".glance li").count() == sum(
        bool(claim.finding) for claim in load_claims().values()
    )
    context.close()


def test_claims_can_be_chosen_by_the_keyboard(browser, site, built):
    results = json.loads((built / "results.json").read_text(encoding="utf-8"))
    page, _ = open_page(browser, f"{site}chapters/back/results.html")
    kind = page.locator(".tall select").nth(1)
    kind.focus()
    page.keyboard.press("ArrowDown")
    chosen = kind.input_value()
    kinds = [load_claims()[item["id"]].kind for item in results]
    status = page.locator(".tall [role=status]").inner_text()
    assert status == f"{kinds.count(chosen)} of {len(results)} claims"
    page.close()


def test_front_door_leads_to_the_first_page(browser, site):
    page, _ = open_page(browser, site)
    page.wait_for_url(f"{site}{PAGES[0]}.html")
    page.close()


def test_the_packed_book_opens_from_a_file_and_asks_for_nothing(browser, built, tmp_path):
    with ZipFile(pack(ROOT)) as archive:
        archive.extractall(tmp_path)
    [front] = tmp_path.glob("*/index.html")
    page, visit = open_page(browser, front.as_uri())
    page.wait_for_url(f"{front.parent.as_uri()}/{PAGES[0]}.html")
    page.close()
    assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []


def test_the_whole_book_is_printed_and_nothing_is_cut(browser, built):
    """`tools.pdf` fails if something is wider than the paper."""
    (built / "book.pdf").unlink(missing_ok=True)
    ran = subprocess.run([sys.executable, "-m", "tools.pdf"], cwd=ROOT, capture_output=True)
    assert ran.returncode == 0, ran.stderr.decode()
    assert (built / "book.pdf").read_bytes().startswith(b"%PDF")


def test_every_chapter_can_be_downloaded_as_it_ran(visits, built):
    for name, visit in visits.items():
        if (ROOT / f"{name}.ipynb").is_file():
            [link] = {x for x in visit.seen["links"] if x.endswith(f"_sources/{name}.ipynb")}
            notebook = nbformat.read(built / "html" / "_sources" / f"{name}.ipynb", as_version=4)
            code = [cell for cell in notebook.cells if cell.cell_type == "code"]
            assert all(cell.execution_count for cell in code), link


def test_every_page_is_described(visit, visits, built):
    if visit is not visits[PAGES[0]] and "/chapters/" in visit.url:
        text = (built / "html" / unquote(urlsplit(visit.url).path).lstrip("/")).read_text("utf-8")
        [described] = re.findall(r'<meta name="description" content="([^"]*)">', text)
        assert 20 < len(described) <= 210 and "\\" not in described


def test_excerpts_of_a_search_are_prose(browser, site):
    page, _ = open_page(browser, f"{site}search.html?q=hidden")
    page.wait_for_selector("#search-results li p.context")
    texts = "all => all.map(one => one.innerText)"
    excerpts = page.eval_on_selector_all("#search-results p.context", texts)
    page.close()
    assert not [text for text in excerpts if re.search(r"\\\(|\bdef \w+\(|\bimport \w+ as", text)]


def test_search_finds_a_word_of_a_chapter(browser, site, visits):
    visit = visits[PAGES[1]]
    word = max(re.findall(r"[a-z]+", visit.seen["title"].lower()), key=len)
    page, _ = open_page(browser, f"{site}search.html?q={word}")
    page.wait_for_selector("#search-results li a")
    hits = page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.href)")
    page.close()
    assert visit.url in [urldefrag(hit).url.split("?")[0] for hit in hits]
