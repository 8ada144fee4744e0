// Colors, from the style sheet, so that canvases follow the page from light to dark.

export interface Colors {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly panel: string;
  readonly flow: string;
  readonly limit: string;
  readonly runs: readonly string[];
}

export function colors(): Colors {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    text: value("text"),
    faint: value("faint"),
    grid: value("grid"),
    panel: value("panel"),
    flow: value("flow"),
    limit: value("limit"),
    runs: [1, 2, 3, 4, 5, 6].map((index) => value(`run-${index}`)),
  };
}

export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export const FONT = "12px system-ui, sans-serif";
