// What the page does better with JavaScript; it works without. No element's text or attribute is ever run or parsed.
(() => {
  "use strict";

  const reveal = (target) => {
    for (let at = target; at; at = at.parentElement) {
      if (at.localName === "details") at.open = true;
    }
  };

  // Browsers differ in whether they open what hides a link's target. The fold's heading gets the focus, so that the
  // keyboard goes on from there.
  const follow = (scroll) => {
    const target = document.getElementById(location.hash.slice(1));  // ids are ASCII
    if (!target || target.localName === "main") return;
    reveal(target);
    const summary = target.classList.contains("inside") && target.parentElement.querySelector("summary");
    if (summary) summary.focus({preventScroll: true});
    if (scroll) target.scrollIntoView({block: "start"});
  };
  addEventListener("hashchange", () => follow(true));
  // A second click on the same link changes no hash.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#'], a[*|href^='#']");
    if (link && (link.hash || link.getAttribute("xlink:href")) === location.hash) setTimeout(() => follow(true));
  });
  if (location.hash) follow(true);

  // In the matrix, arrows go from cell to cell, over empty ones.
  for (const table of document.querySelectorAll(".matrix")) {
    const rows = [...table.tBodies[0].rows];
    table.addEventListener("keydown", (event) => {
      const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
      const cell = event.target.closest("td");
      if (!step || !cell || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();  // at the edge, too: the page does not begin to scroll
      let row = rows.indexOf(cell.parentElement), column = cell.cellIndex;
      for (;;) {
        row += step[0];
        column += step[1];
        const next = rows[row] && rows[row].cells[column];
        if (!next) return;
        const link = next.querySelector("a");
        if (!link) continue;
        link.focus();
        return;
      }
    });
  }

  // One button opens or closes all folds of a section.
  for (const section of document.querySelectorAll(".section")) {
    const folds = [...section.querySelectorAll(".fold")];
    if (folds.length < 2) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "open-all";
    const name = () => {
      button.textContent = folds.every((fold) => fold.open) ? "Close all" : "Open all";
    };
    button.addEventListener("click", (event) => {
      event.preventDefault();  // the heading around it does not close the section
      const open = !folds.every((fold) => fold.open);
      for (const fold of folds) fold.open = open;
      if (open) section.open = true;
      name();
    });
    // Many may open at the same time: one look at all of them, before the next frame, will do.
    let awaited = false;
    const nameSoon = () => {
      if (!awaited) requestAnimationFrame(() => { awaited = false; name(); });
      awaited = true;
    };
    for (const fold of folds) fold.addEventListener("toggle", nameSoon);
    name();
    section.querySelector(".inside").prepend(button);
  }

  // The table of contents marks where the reader is.
  const links = new Map();
  for (const link of document.querySelectorAll(".contents > ol > li > a")) links.set(link.hash.slice(1), link);
  const seen = new Set();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const id = entry.target.querySelector(".inside").id;
      if (entry.isIntersecting) seen.add(id); else seen.delete(id);
    }
    let current = null;
    for (const [id, link] of links) {
      if (current === null && seen.has(id)) current = id;
      if (id === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
    }
  }, {rootMargin: "-15% 0px -55% 0px"});
  for (const section of document.querySelectorAll(".section")) observer.observe(section);
})();
