// SPDX-License-Identifier: Apache-2.0

// What is wrong with a page for those who see little, or on a small screen: a list of sentences.
(() => {
  const wrong = [];
  const name = (e) => `<${e.tagName.toLowerCase()}${e.id ? " id=" + e.id : ""}> “${(e.textContent || "").trim().slice(0, 30)}”`;
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;

  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
    wrong.push(`the page is ${root.scrollWidth - root.clientWidth} px too wide: ${wide.slice(0, 3).map(name).join(", ")}`);
  }

  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(shown);
  if (headings.filter((h) => h.tagName === "H1").length !== 1) {
    wrong.push("there is not one h1");
  }
  let level = 0;
  for (const h of headings) {
    const own = Number(h.tagName[1]);
    if (own > level + 1) {
      wrong.push(`the heading ${name(h)} skips a level`);
    }
    level = own;
  }
  for (const landmark of ["header", "main", "footer"]) {
    if (document.querySelectorAll("body > " + landmark).length !== 1) {
      wrong.push(`there is not one ${landmark}`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) {
    wrong.push(`the id ${id} is there twice`);
  }
  for (const attribute of ["aria-labelledby", "aria-describedby"]) {
    for (const e of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of e.getAttribute(attribute).split(/\s+/)) {
        if (!document.getElementById(id)) {
          wrong.push(`${name(e)} refers to ${id}, which is not there`);
        }
      }
    }
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])")) {
    if (e.labels.length === 0) {
      wrong.push(`${name(e)} has no label`);
    }
  }
  for (const e of document.querySelectorAll("a, button, summary")) {
    if (e.textContent.trim() === "") {
      wrong.push(`${name(e)} says nothing`);
    }
  }
  for (const e of document.querySelectorAll("img:not([alt])")) {
    wrong.push(`${name(e)} has no alt`);
  }
  for (const e of document.querySelectorAll("button, .button, input:not([type=hidden])")) {
    const box = e.getBoundingClientRect();
    if (shown(e) && (box.height < 24 || box.width < 24)) {
      wrong.push(`${name(e)} is too small to hit`);
    }
  }

  // WCAG 2.2, 1.4.3.
  const colour = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (e) => {
    for (let up = e; up; up = up.parentElement) {
      const c = colour(getComputedStyle(up).backgroundColor);
      if (c.length === 3 || c[3] === 1) {
        return c;
      }
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll("body *")) {
    const direct = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== "");
    if (!direct || !shown(e)) {
      continue;
    }
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [a, b] = [light(colour(style.color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) {
      wrong.push(`${name(e)} has a contrast of ${ratio.toFixed(2)}: ${style.color} on ${ground(e)}`);
    }
  }
  return wrong.join("\n");
})()
