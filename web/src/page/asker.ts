// The page with Python behind it: each setting is a question, and only the latest one is waited for.

import { RULES } from "../numbers/rules";
import { canvas, type Fact, input, option, part, select, show, tell } from "./elements";
import { type Asked, type GivenRuns, viewOf } from "./given";
import { Panels } from "./panels";
import { brief, lossTable, type Picture, type RunView } from "./picture";
import { Player } from "./player";
import { drawMarks, notchOf, shareOf } from "./slider";
import { positive } from "./state";
import { takeaways } from "./takeaways";

interface Question {
  rate: number | null;
  rule: string;
  momentum: number;
  endTime: number;
  seed: number;
  judge: boolean;
}

interface Answer extends GivenRuns {
  readonly rate: number;
  readonly sharpness: number | null;
  readonly unit: number | null;
  readonly limit: number | null;
  readonly verdict: string | null;
  readonly numSteps: number;
}

const NOTHING: Picture = { flow: null, descents: [] };
const NUM_SEEDS = 10;

export class Asker {
  private readonly panels = new Panels();
  private readonly question: Question;
  private answer: Answer | null = null;
  private picture: Picture = NOTHING;
  private isWaiting = false;
  private isChanged = false;
  private readonly player = new Player(
    () => this.answer?.numSteps ?? 0,
    () => this.draw(),
  );

  constructor(private readonly asked: Asked) {
    this.question = { rate: null, rule: "descent", momentum: 0.9, endTime: asked.endTime, seed: 0, judge: false };
    this.settle();
    this.listen();
    takeaways({ link: null, lines: null, table: () => lossTable(this.seen()) });
    void this.ask();
  }

  redraw(): void {
    this.panels.resize();
    this.draw();
  }

  private seen(): RunView[] {
    const { flow, descents } = this.picture;
    return flow ? [flow, ...descents] : [...descents];
  }

  private settle(): void {
    const hidden = ["start-field", "runs-field", "problem-field", "formula", "landscape-hint"];
    for (const id of [...hidden, "cobweb-figure", "diagram-figure", "map-figure", "link", "python"]) show(id, false);
    show("seed-field", this.asked.hasSeeds);
    part("subtitle").textContent = this.asked.title;
    part("remark").textContent = this.asked.remark;
    part("landscape-title").textContent = "Paths";
    input("time").value = String(this.asked.endTime);
    input("momentum").value = String(this.question.momentum);
    const seeds = Array.from({ length: NUM_SEEDS }, (_, seed) => option(String(seed), `seed ${seed}`));
    select("seed").replaceChildren(...seeds);
    canvas("landscape").tabIndex = -1;
    canvas("landscape").setAttribute("role", "img");
  }

  private listen(): void {
    const on = (id: string, event: string, change: () => Partial<Question>): void =>
      part(id).addEventListener(event, () => {
        Object.assign(this.question, change());
        void this.ask();
      });
    on("rate", "input", () => ({
      rate: Number((shareOf(Number(input("rate").value)) * this.unit()).toPrecision(4)),
    }));
    on("rate-number", "change", () => ({ rate: positive(Number(input("rate-number").value)) }));
    on("rule", "change", () => ({ rule: RULES.find((name) => name === select("rule").value)! }));
    on("momentum", "input", () => ({ momentum: Number(input("momentum").value) }));
    on("time", "change", () => ({ endTime: positive(Number(input("time").value)) ?? this.asked.endTime }));
    on("seed", "change", () => ({ seed: Number(select("seed").value) }));
  }

  private unit(): number {
    return this.answer?.unit ?? 1;
  }

  private async ask(): Promise<void> {
    this.isChanged = true;
    document.documentElement.dataset.state = "busy";
    this.tell();
    if (this.isWaiting) return;
    this.isWaiting = true;
    // What was changed meanwhile is asked next; what lies between is never computed.
    while (this.isChanged) {
      this.isChanged = false;
      this.question.judge = false;
      const isHeard = await this.hear();
      // The verdict takes longer, so that it is asked for once the rest is seen and nothing has changed.
      this.question.judge = true;
      if (isHeard && !this.hasChanged()) await this.hear();
    }
    this.isWaiting = false;
    document.documentElement.dataset.state = "done";
  }

  /** Whether something was set while an answer was waited for. */
  private hasChanged(): boolean {
    return this.isChanged;
  }

  /** Ask, show the answer, and return whether there was one. */
  private async hear(): Promise<boolean> {
    try {
      const response = await fetch("runs", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(this.question),
      });
      const found = (await response.json()) as Answer & { error?: string };
      if (found.error !== undefined) throw new Error(found.error);
      this.answer = found;
      // What was set meanwhile is the next question.
      if (!this.isChanged) this.question.rate = found.rate;
      const flow = found.flow && viewOf(found.flow);
      this.picture = { flow, descents: found.descents.map(viewOf), axes: found.axes };
      this.player.restart();
      this.draw();
      return true;
    } catch (error) {
      part("verdict").textContent = error instanceof Error ? error.message : String(error);
      return false;
    }
  }

  private draw(): void {
    this.panels.show(this.picture, null, this.player.share, null);
    show("sharpness-figure", !!this.picture.flow?.sharpness);
    this.tell();
    if (!this.answer) return;
    const said = this.answer.verdict?.toLowerCase().replaceAll("_", " ") ?? "…";
    part("verdict").textContent = `η = ${brief(this.answer.rate, 4)}: ${said}`;
    tell("numbers", this.facts(this.answer));
  }

  private tell(): void {
    const { question } = this;
    show("momentum-field", question.rule === "heavy-ball" || question.rule === "nesterov");
    part("momentum-value").textContent = String(question.momentum);
    this.player.tell();
    if (question.rate === null) return;
    const share = question.rate / this.unit();
    input("rate").value = String(Math.round(notchOf(share)));
    input("rate").setAttribute("aria-valuetext", `η = ${brief(question.rate, 4)}`);
    if (document.activeElement !== input("rate-number")) input("rate-number").value = String(question.rate);
    part("rate-share").textContent = `= ${brief(share)} × 2/λ`;
    drawMarks([
      { text: "1/λ", share: 0.5, isLow: false },
      { text: "2/λ", share: 1, isLow: false },
    ]);
  }

  private facts({ sharpness, limit, descents }: Answer): Fact[] {
    return [
      ["sharpness λ at the start", brief(sharpness ?? NaN, 4), sharpness ?? NaN],
      ["limit at the start", brief(limit ?? NaN, 4), limit ?? NaN],
      ...descents.flatMap((run) => run.facts),
    ];
  }
}
