"""Prints the built book: the one page of the site as a PDF, beside it. `make print` calls it."""
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from vscg.machine.files import write_atomically

sys.path.insert(0, str(Path(__file__).resolve().parent / "_ext"))
from one_page import PAGE, PDF, with_pdf  # noqa: E402

SITE = Path(__file__).resolve().parent / "_build" / "html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 688     # CSS pixels between the margins of A4
# A formula that is wider than the paper would be cut, for paper does not scroll: it is set smaller.
FIT = """() => {
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    const box = formula.closest("div.math"), number = box.querySelector(".eqno")?.offsetWidth ?? 0;
    const room = box.clientWidth - (number ? 2 * number + 10 : 0);
    const needed = formula.querySelector("mjx-math").getBoundingClientRect().width;
    if (needed > room) formula.style.fontSize = `${parseFloat(getComputedStyle(formula).fontSize) * room / needed}px`;
  }
}"""
FOOTER = ('<div style="font-size: 8pt; width: 100%; text-align: center">'
          '<span class="pageNumber"></span> of <span class="totalPages"></span></div>')


def print_pdf(page: Path, browser: str) -> bytes:
    """The page as Chromium prints it, in light colours, with all formulas set, an outline and page numbers."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(color_scheme="light", viewport={"width": WIDTH, "height": 1000})
        tab.set_default_timeout(600_000)      # ms; a busy machine needs minutes for all the formulas
        tab.emulate_media(media="print")
        tab.goto(page.as_uri(), wait_until="load")
        tab.wait_for_function("() => window.MathJax?.startup?.promise")
        tab.evaluate("() => window.MathJax.startup.promise.then(() => true)")
        tab.evaluate(FIT)
        content = tab.pdf(prefer_css_page_size=True, display_header_footer=True, header_template="<span></span>",
                          footer_template=FOOTER, outline=True, tagged=True, print_background=True)
        chromium.close()
    return content


def main() -> int:
    """Writes the PDF, links it from the one page, and says where both are; 1 if something is missing."""
    page = SITE / PAGE
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not page.is_file():
        print("error: the site is not built; run `make book` first", file=sys.stderr)
        return 1
    print(f"one page:  {page}")
    if browser is None:
        print(f"error: no PDF, for none of {', '.join(BROWSERS)} is installed; print the page from any browser",
              file=sys.stderr)
        return 1
    write_atomically(SITE / PDF, print_pdf(page, browser))
    text = page.read_text(encoding="utf-8")
    if PDF not in text:
        write_atomically(page, with_pdf(text).encode())
    print(f"PDF:       {SITE / PDF}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(__doc__)
    sys.exit(main())
