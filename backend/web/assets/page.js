// SPDX-License-Identifier: Apache-2.0

"use strict";

// Buttons that copy are there only where they work.
for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  if (!source || !navigator.clipboard) {
    continue;
  }
  const label = button.innerHTML;
  let reset;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Could not copy";
    }
    clearTimeout(reset);
    reset = setTimeout(() => { button.innerHTML = label; }, 2000);
  });
}

// A bind takes a moment. Downloads leave the page as it is.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.value !== "file") {
      event.submitter.setAttribute("aria-busy", "true");
    }
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[aria-busy]")) {
    button.removeAttribute("aria-busy");
  }
});

// Pages that refresh themselves say when they cannot.
document.addEventListener("htmx:afterRequest", (event) => {
  const stale = document.getElementById("stale");
  if (stale) {
    stale.hidden = event.detail.successful;
  }
});
