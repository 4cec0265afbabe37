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

document.addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => reachable(entry.target)));
  document.querySelectorAll(BOXES).forEach((box) => {
    observer.observe(box);
    box.querySelectorAll("img").forEach((image) => image.addEventListener("load", () => reachable(box)));
  });
  // A list holds list items; the role that Sphinx gives its references has been withdrawn.
  document.querySelectorAll(".citation-list [role='doc-biblioentry']").forEach((item) => {
    item.setAttribute("role", "listitem");
  });
});
