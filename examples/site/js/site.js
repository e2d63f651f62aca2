// Two small comforts: a theme switch, and a copy button beside each command.
// Without this file the site works the same; the theme is then the system's.

"use strict";

const THEME_KEY = "theme";
const COPIED_MS = 1600; // long enough to read "Copied", short enough to copy again

// Runs while the head is parsed, so that a chosen theme never flashes as the other one.
const chosen = storedTheme();
if (chosen) document.documentElement.dataset.theme = chosen;

document.addEventListener("DOMContentLoaded", () => {
  addThemeSwitch(document.querySelector(".name-row"));
  document.querySelectorAll(".command").forEach(addCopyButton);
});

function addThemeSwitch(row) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "theme";
  const label = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} theme`);
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    storeTheme(theme);
    label();
  });
  systemTheme().addEventListener("change", label);
  label();
  row.append(button);
}

// The clipboard is only there in a secure context: over HTTPS and on this computer itself.
function addCopyButton(command) {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Refused";
    }
    setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS);
  });
  command.append(button);
}

function systemTheme() {
  return matchMedia("(prefers-color-scheme: dark)");
}

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : systemTheme().matches;
}

// A browser may refuse storage (private windows, blocked cookies): the switch still works for this page.
function storedTheme() {
  try {
    const theme = localStorage.getItem(THEME_KEY);
    return theme === "light" || theme === "dark" ? theme : null;
  } catch {
    return null;
  }
}

function storeTheme(theme) {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Nothing to do: the choice lasts as long as the page.
  }
}
