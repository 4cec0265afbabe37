// What the theme leaves to be done for readers who use a keyboard or a screen reader.

const BOXES = "pre, .output.text_html, .cell_output > .output, .cell_output figure, .pst-scrollable-table-container";

// What scrolls sideways can be reached with the Tab key and then scrolled with the arrows.
function reachable(box) {
  if (box.scrollWidth > box.clientWidth) {
    box.tabIndex = 0;
  } else {
    box.removeAttribute("tabindex");
  }
}

const FRAME = ".bd-header-article, #jb-print-docs-body, .bd-sidebar-secondary, .prev-next-area";

// What a search found is shown in a sentence of the page, not in a cell of code, where there is one.
function sentences(htmlToText) {
  return (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(`.cell_input, .cell_output, pre, summary, ${FRAME}`).forEach((other) => other.remove());
    page.querySelectorAll("span.math, div.math").forEach((formula) => {          // without the marks of TeX
      formula.textContent = formula.textContent.replace(/\\[()[\]]|\\(?=[a-z])/gi, "");
    });
    return htmlToText(page.documentElement.outerHTML, anchor) || htmlToText(html, anchor);
  };
}

// The book writes "localisation"; who searches for "localization" is to find it too.
function spelling(query) {
  return (words) => query(words.replace(/localiz/gi, "localis"));
}

// On a phone a figure becomes large by a tap, and by the Enter key where it has the focus.
const NARROW = window.matchMedia("(max-width: 600px)");

function enlargeable(figure) {
  const image = figure.querySelector("img");
  if (!image) return;
  const toggle = () => { figure.classList.toggle("large"); reachable(figure); };
  const focusable = () => { if (NARROW.matches) image.tabIndex = 0; else image.removeAttribute("tabindex"); };
  image.addEventListener("click", toggle);
  image.addEventListener("keydown", (event) => { if (event.key === "Enter") toggle(); });
  NARROW.addEventListener("change", focusable);
  focusable();
}

// The theme shows its way back to the top only to those who scroll upwards already.
function wayUp() {
  document.documentElement.toggleAttribute("data-far-down", window.scrollY > 2 * window.innerHeight);
}

// On paper a page is light.
let theme;
window.addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
window.addEventListener("afterprint", () => { document.documentElement.dataset.theme = theme; });

window.addEventListener("scroll", wayUp, {passive: true});

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search !== "undefined") {
    Search.htmlToText = sentences(Search.htmlToText);
    Search.query = spelling(Search.query);
  }
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => reachable(entry.target)));
  document.querySelectorAll(BOXES).forEach((box) => {
    observer.observe(box);
    box.querySelectorAll("img").forEach((image) => image.addEventListener("load", () => reachable(box)));
  });
  document.querySelectorAll(".cell_output figure").forEach(enlargeable);
  // A list holds list items; the role that Sphinx gives its references has been withdrawn.
  document.querySelectorAll(".citation-list [role='doc-biblioentry']").forEach((item) => {
    item.setAttribute("role", "listitem");
  });
});
