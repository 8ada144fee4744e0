// How many steps are shown: all of them, or as far as the play has come.

import { part } from "./elements";

const DURATION_MS = 6000;
const LEAST_PER_SECOND = 3;

export class Player {
  /** null stands for all. */
  private step: number | null = null;
  private begun = 0;
  private timer = 0;

  constructor(
    private readonly numSteps: () => number,
    private readonly drawn: () => void,
  ) {
    part("play").addEventListener("click", () => this.toggle());
    part("step").addEventListener("click", () => this.advance());
    part("reset").addEventListener("click", () => this.go(0));
  }

  /** The share of the steps that is shown, 0 to 1. */
  get share(): number {
    const last = this.numSteps();
    return this.step === null || last === 0 ? 1 : Math.min(this.step / last, 1);
  }

  /** The last step that is shown. */
  get shown(): number {
    return Math.min(this.step ?? Infinity, this.numSteps());
  }

  /** Show all again: the run is another one. */
  restart(): void {
    this.stop();
    this.step = null;
  }

  tell(): void {
    part("shown").textContent = `step ${this.shown} of ${this.numSteps()}`;
  }

  private toggle(): void {
    if (this.timer) {
      this.stop();
      return;
    }
    if (this.step === null || this.step >= this.numSteps()) this.step = 0;
    part("play").textContent = "Pause";
    const pace = Math.max(this.numSteps() / DURATION_MS, LEAST_PER_SECOND / 1000);
    this.begun = performance.now() - this.step / pace;
    const frame = (): void => {
      this.step = Math.min(Math.floor((performance.now() - this.begun) * pace), this.numSteps());
      this.drawn();
      if (this.step < this.numSteps()) this.timer = requestAnimationFrame(frame);
      else this.stop();
    };
    this.timer = requestAnimationFrame(frame);
  }

  private advance(): void {
    this.go(this.step === null || this.step >= this.numSteps() ? 1 : this.step + 1);
  }

  private go(step: number): void {
    this.stop();
    this.step = step;
    this.drawn();
  }

  private stop(): void {
    cancelAnimationFrame(this.timer);
    this.timer = 0;
    part("play").textContent = "Play";
  }
}
