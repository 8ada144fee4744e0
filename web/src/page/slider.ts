// The slider of learning rates: logarithmic, in units of 2/lambda, with marks.

import { part } from "./elements";

const LEAST = 0.01;
const MOST = 4;
const NOTCHES = 400;

/** Return the notch, a whole number or between two, of a share of 2/lambda. */
export function notchOf(share: number): number {
  return (NOTCHES * Math.log(share / LEAST)) / Math.log(MOST / LEAST);
}

export function shareOf(notch: number): number {
  return LEAST * (MOST / LEAST) ** (notch / NOTCHES);
}

export interface Mark {
  readonly text: string;
  readonly share: number;
  /** In the second row, where it does not meet the others. */
  readonly isLow: boolean;
}

export function drawMarks(marks: readonly Mark[]): void {
  const box = part("marks");
  box.replaceChildren(
    ...marks
      .filter(({ share }) => share >= LEAST && share <= MOST)
      .map(({ text, share, isLow }) => {
        const mark = document.createElement("span");
        mark.textContent = text;
        mark.classList.toggle("low", isLow);
        mark.style.left = `${(100 * notchOf(share)) / NOTCHES}%`;
        return mark;
      }),
  );
}
