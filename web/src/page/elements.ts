// The parts of the page, by their ids.

export function part(id: string): HTMLElement {
  return document.getElementById(id)!;
}

export const select = (id: string): HTMLSelectElement => part(id) as HTMLSelectElement;
export const input = (id: string): HTMLInputElement => part(id) as HTMLInputElement;
export const canvas = (id: string): HTMLCanvasElement => part(id) as HTMLCanvasElement;

export function show(id: string, isShown: boolean): void {
  part(id).hidden = !isShown;
}

/** A term, what it is in words, and the number behind these with all its digits. */
export type Fact = readonly [string, string, number?];

/** Fill a list of terms and values. */
export function tell(id: string, facts: readonly Fact[]): void {
  part(id).replaceChildren(
    ...facts.flatMap(([term, words, value]) => {
      const told = element("dd", words);
      if (value !== undefined) told.title = String(value);
      return [element("dt", term), told];
    }),
  );
}

export function element(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

export function option(value: string, text: string): HTMLOptionElement {
  return new Option(text, value);
}

/** Return a label with a patch of color. */
export function patch(tag: string, color: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  const square = document.createElement("i");
  square.style.background = color;
  made.append(square, text);
  return made;
}
