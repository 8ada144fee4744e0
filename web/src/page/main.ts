// Where the page begins.

import { part } from "./elements";
import { Explorer } from "./explorer";
import { isDark } from "./theme";

function themed(redraw: () => void): void {
  const button = part("theme");
  const tell = (): void => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    tell();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    tell();
    redraw();
  });
  tell();
}

function begin(): void {
  const page = new Explorer(location.hash);
  addEventListener("hashchange", () => page.follow(location.hash));
  themed(() => page.redraw());
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    page.redraw();
  });
}

begin();
