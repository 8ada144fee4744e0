// The page that computes by itself: from what is set to what is seen.

import { CATALOG, entryOf } from "../numbers/catalog";
import { criticalLearningRate } from "../numbers/critical";
import { largestStableLearningRate } from "../numbers/limits";
import { regime } from "../numbers/regimes";
import { hasMomentum, rule, type RuleName } from "../numbers/rules";
import { drawCobweb, hasCobweb } from "./cobweb";
import { type Ground, groundOf, pictureOf, type Run, runOf, unitOf } from "./compute";
import { Diagram } from "./diagram";
import { canvas, element, type Fact, input, option, part, patch, select, show, tell } from "./elements";
import { csv, pythonLines } from "./exports";
import type { Frame } from "./frame";
import { type Kind, KINDS, REGIME_COLORS, RegimeMap } from "./map";
import { Panels } from "./panels";
import { brief, type Picture } from "./picture";
import { Player } from "./player";
import { drawMarks, type Mark, notchOf, shareOf } from "./slider";
import { asHash, fromHash, initialState, positive, startOf, type State } from "./state";
import { takeaways } from "./takeaways";
import { Tasks } from "./tasks";

export class Explorer {
  private state: State;
  private ground: Ground;
  private run: Run;
  private picture: Picture;
  /** What was found, and of what question: an answer to another one is not shown. */
  private judged = { of: "", regime: "" };
  private critical = { of: "", rate: NaN };
  private mapKind: Kind = "none";
  private isDue = false;
  private readonly frames: { map?: Frame; diagram?: Frame } = {};
  private readonly panels = new Panels();
  private readonly diagram = new Diagram();
  private readonly map = new RegimeMap();
  private readonly tasks = new Tasks((isIdle) => {
    document.documentElement.dataset.state = isIdle ? "done" : "busy";
  });
  private readonly player = new Player(
    () => this.run.descent.numSteps,
    () => this.move(),
  );

  constructor(hash: string) {
    this.state = fromHash(hash);
    this.ground = groundOf(this.state);
    this.run = runOf(this.state, this.ground);
    this.picture = pictureOf(this.run);
    show("runs-field", false);
    this.fill();
    this.listen();
    takeaways({ link: () => this.link(), lines: () => this.lines(), table: () => csv(this.run) });
    this.chooseMap();
    this.render();
  }

  private link(): string {
    return asHash({ ...this.state, rate: this.run.rule.learningRate });
  }

  private lines(): string {
    const isDrawn = this.ground.entry.starts.length > 1 && !this.state.w0;
    return pythonLines(this.run, isDrawn ? this.state.seed : null);
  }

  redraw(): void {
    this.panels.resize();
    this.render();
  }

  /** Take over a link. */
  follow(hash: string): void {
    const isOther = fromHash(hash).problem !== this.state.problem;
    this.state = fromHash(hash);
    if (isOther) this.chooseMap();
    this.compute(false);
    this.fill();
    this.render();
  }

  private fill(): void {
    const { state, ground } = this;
    const { entry } = ground;
    select("problem").replaceChildren(...CATALOG.map(({ name, title }) => option(name, title)));
    select("problem").value = state.problem;
    part("formula").textContent = entry.formula;
    part("remark").textContent = entry.remark;
    select("rule").value = state.rule;
    input("momentum").value = String(state.momentum);
    input("time").value = String(state.endTime);
    select("seed").replaceChildren(
      ...entry.starts.map((_, seed) => option(String(seed), `seed ${seed}`)),
      option("", "a place chosen in the picture"),
    );
    select("seed").value = state.w0 ? "" : String(state.seed);
    show("seed-field", entry.starts.length > 1);
    show("start-field", entry.starts.length === 1);
    if (entry.starts.length === 1) this.fillStart();
  }

  private fillStart(): void {
    const names = this.ground.w0.length === 1 ? ["w"] : ["x", "y"];
    const box = part("start-inputs");
    if (box.childElementCount !== 2 * names.length)
      box.replaceChildren(
        ...names.flatMap((name, index) => {
          const label = element("label", name) as HTMLLabelElement;
          const field = document.createElement("input");
          Object.assign(field, { type: "number", step: "any", id: `start-${index}` });
          label.htmlFor = field.id;
          field.addEventListener("change", () => this.startTyped());
          return [label, field];
        }),
      );
    this.ground.w0.forEach((w, index) => {
      const field = input(`start-${index}`);
      if (document.activeElement !== field) field.value = String(Number(w.toPrecision(6)));
    });
  }

  private startTyped(): void {
    const w0 = Array.from(this.ground.w0, (_, index) => Number(input(`start-${index}`).value || NaN));
    if (w0.every(Number.isFinite)) this.set({ w0 });
  }

  private listen(): void {
    const on = (id: string, event: string, act: () => void): void =>
      part(id).addEventListener(event, act);
    on("problem", "change", () => {
      this.follow(asHash(initialState(entryOf(select("problem").value))));
    });
    on("rate", "input", () => {
      const rate = shareOf(Number(input("rate").value)) * unitOf(this.ground);
      this.set({ rate: Number(rate.toPrecision(4)) });
    });
    on("rate-number", "change", () => {
      this.set({ rate: positive(Number(input("rate-number").value)) ?? this.run.rule.learningRate });
    });
    on("rule", "change", () => this.set({ rule: select("rule").value as RuleName }));
    on("momentum", "input", () => this.set({ momentum: Number(input("momentum").value) }));
    on("time", "change", () => {
      this.set({ endTime: positive(Number(input("time").value)) ?? this.state.endTime });
      input("time").value = String(this.state.endTime);
    });
    on("seed", "change", () => {
      if (select("seed").value !== "") this.set({ seed: Number(select("seed").value), w0: null });
    });
    on("map-kind", "change", () => {
      this.mapKind = KINDS.find((kind) => kind === select("map-kind").value) ?? "none";
      this.render();
      this.tasks.hurry();
    });
    this.listenToLandscape();
    this.listenToMaps();
  }

  /** A click in the diagram takes its learning rate, one in the map its start and its learning rate. */
  private listenToMaps(): void {
    const on = (id: "map" | "diagram", act: (x: number, y: number) => Partial<State>): void =>
      canvas(id).addEventListener("click", (event) => {
        const place = this.frames[id]?.place(event.offsetX, event.offsetY);
        if (place) this.set(act(...place));
      });
    const rate = (value: number): number => positive(round(value)) ?? this.run.rule.learningRate;
    on("diagram", (share) => ({ rate: rate(share * unitOf(this.ground)) }));
    on("map", (x, y) => {
      const rest = Array.from(this.ground.w0).slice(1);
      if (this.mapKind === "starts") return { w0: [round(x), round(y)] };
      return { w0: [round(x), ...rest], rate: rate(y) };
    });
  }

  private listenToLandscape(): void {
    const place = canvas("landscape");
    const moved = (event: PointerEvent): void => {
      const bounds = place.getBoundingClientRect();
      const frame = this.panels.frame!;
      this.startAt(...frame.place(event.clientX - bounds.left, event.clientY - bounds.top));
    };
    place.addEventListener("pointerdown", (event) => {
      place.setPointerCapture(event.pointerId);
      moved(event);
    });
    place.addEventListener("pointermove", (event) => {
      if (place.hasPointerCapture(event.pointerId)) moved(event);
    });
    // The plane of a network follows the new start once that stays.
    for (const ending of ["pointerup", "blur"])
      place.addEventListener(ending, () => {
        if (this.ground.plane) this.set({});
      });
    place.addEventListener("keydown", (event) => {
      const direction = ARROWS[event.key];
      if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      this.nudge(direction, event.shiftKey ? 10 : 1);
    });
  }

  private nudge([right, up]: readonly [number, number], factor: number): void {
    const { window } = this.panels.frame!;
    const { plane, w0 } = this.ground;
    const [x, y] = plane ? plane.project(w0) : [w0[0], w0.length > 1 ? w0[1] : 0];
    const across = (factor * (window.right - window.left)) / 100;
    const high = (factor * (window.top - window.bottom)) / 100;
    this.startAt(x + right * across, y + up * high);
  }

  private startAt(x: number, y: number): void {
    const { plane, w0 } = this.ground;
    if (plane) this.set({ w0: Array.from(plane.lift(x, y)) }, true);
    else this.set({ w0: w0.length === 1 ? [round(x)] : [round(x), round(y)] });
  }

  /** Change something and draw at the next occasion. */
  private set(change: Partial<State>, isDragging = false): void {
    this.state = { ...this.state, ...change };
    this.compute(isDragging);
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => this.render());
  }

  /** Compute anew what has changed; the plane of a network stays while the start is dragged in it. */
  private compute(isDragging: boolean): void {
    const { ground, state } = this;
    const w0 = startOf(state);
    const isSameProblem = ground.entry.name === state.problem;
    const isSameStart = isSameProblem && w0.every((w, i) => w === ground.w0[i]);
    const isStale = !isDragging && !!ground.plane?.project(w0).some((x) => x !== 0);
    if (!isSameStart || ground.endTime !== state.endTime || isStale)
      this.ground = groundOf(state, isDragging && isSameProblem ? ground.plane : null);
    this.run = runOf(state, this.ground);
    this.picture = pictureOf(this.run);
    this.player.restart();
  }

  private render(): void {
    this.isDue = false;
    this.begin();
    this.panels.show(this.picture, this.ground, this.player.share, this.time());
    const { numWeights } = this.ground.entry.problem;
    const hasMap = hasCobweb(numWeights, this.run.rule);
    show("cobweb-figure", hasMap);
    if (hasMap) drawCobweb(canvas("cobweb"), this.run, this.player.share);
    this.drawDiagram();
    this.drawMap();
    this.tell();
  }

  /** Begin what takes longer; what is under way for the same question goes on. */
  private begin(): void {
    const { run, state } = this;
    const where = this.where();
    const { learningRate } = run.rule;
    this.tasks.begin("verdict", this.which(), () => this.judge());
    this.tasks.begin("critical", where, () => this.findCritical());
    this.tasks.begin("diagram", where, () => this.diagram.work(run, () => this.drawDiagram()));
    if (this.mapKind === "none") this.tasks.drop("map");
    else {
      const asked = this.mapKind === "starts" ? `${state.problem} ${learningRate}` : where;
      this.tasks.begin("map", `${this.mapKind} ${asked}`, () =>
        this.map.work(this.mapKind, run, () => this.drawMap()),
      );
    }
  }

  /** The start and the rule, in words that tell them from others. */
  private where(): string {
    const { run, ground } = this;
    return `${ground.entry.name} ${ground.w0.join()} ${run.rule.name} ${run.rule.momentum}`;
  }

  /** The run, in words that tell it from others. */
  private which(): string {
    return `${this.where()} ${this.run.rule.learningRate} ${this.run.descent.numSteps}`;
  }

  private *judge(): Generator<void, void> {
    const { run, ground } = this;
    const of = this.which();
    yield;
    this.judged = { of, regime: regime(ground.entry.problem, run.rule, ground.w0, run.descent.numSteps) };
    this.tell();
  }

  private *findCritical(): Generator<void, void> {
    const { run, ground } = this;
    const of = this.where();
    const unit = rule(run.rule.name, 1, run.rule.momentum);
    this.critical = { of, rate: yield* criticalLearningRate(ground.entry.problem, unit, ground.w0) };
    this.tell();
  }

  private criticalRate(): number {
    return this.critical.of === this.where() ? this.critical.rate : NaN;
  }

  private move(): void {
    this.panels.mark(this.picture, this.ground, this.player.share, this.time());
    if (hasCobweb(this.ground.entry.problem.numWeights, this.run.rule))
      drawCobweb(canvas("cobweb"), this.run, this.player.share);
    this.player.tell();
  }

  private time(): number | null {
    return this.player.share === 1 ? null : this.player.shown * this.run.descent.stepLength;
  }

  private limit(): number {
    return largestStableLearningRate(this.ground.entry.problem, this.ground.w0, this.run.rule);
  }

  private drawDiagram(): void {
    const rate = this.run.rule.learningRate;
    this.frames.diagram = this.diagram.draw(canvas("diagram"), this.ground, rate, this.limit());
  }

  private chooseMap(): void {
    const { numWeights } = entryOf(this.state.problem)!.problem;
    this.mapKind = numWeights > 2 ? "none" : "regimes";
    select("map-kind").value = this.mapKind;
    select("map-kind").options[2].disabled = numWeights !== 2;
  }

  private drawMap(): void {
    show("map", this.mapKind !== "none");
    show("legend", this.mapKind !== "none");
    if (this.mapKind === "none") return;
    this.frames.map = this.map.draw(canvas("map"), this.run);
    canvas("map").setAttribute("aria-label", `Map: ${this.map.summary}`);
    canvas("map").dataset.block = String(this.map.block);
    part("legend").replaceChildren(
      ...(this.mapKind === "regimes"
        ? Object.entries(REGIME_COLORS).map(([name, color]) => patch("li", color, words(name)))
        : [
            patch("li", "#0d086e", "0 steps"),
            patch("li", "#f3e96e", "400 steps"),
            patch("li", REGIME_COLORS.DIVERGED, "diverges"),
            patch("li", REGIME_COLORS.STALLED, "not within 400 steps"),
          ]),
    );
  }

  private tell(): void {
    const { run, ground } = this;
    const eta = run.rule.learningRate;
    const share = eta / unitOf(ground);
    const momentum = hasMomentum(run.rule.name);
    show("momentum-field", momentum);
    part("momentum-value").textContent = String(this.state.momentum);
    input("rate").value = String(Math.round(notchOf(share)));
    const told = `η = ${brief(eta, 4)}, ${brief(share)} times 2/λ`;
    input("rate").setAttribute("aria-valuetext", told);
    if (document.activeElement !== input("rate-number")) input("rate-number").value = String(eta);
    part("rate-share").textContent = `= ${brief(share)} × 2/λ`;
    select("seed").value = this.state.w0 ? "" : String(this.state.seed);
    if (ground.entry.starts.length === 1) this.fillStart();
    drawMarks(this.marks());
    const verdict = `η = ${brief(eta, 4)}: ${this.judged.of === this.which() ? words(this.judged.regime) : "…"}`;
    if (part("verdict").textContent !== verdict) part("verdict").textContent = verdict;
    tell("numbers", this.facts());
    this.player.tell();
    canvas("landscape").setAttribute(
      "aria-label",
      `Landscape of ${ground.entry.title}; the start is at ${Array.from(ground.w0.slice(0, 2), (w) => brief(w)).join(", ")}. Arrow keys move it.`,
    );
  }

  private marks(): Mark[] {
    const unit = unitOf(this.ground);
    const marks = [
      { text: "1/λ", share: 0.5, isLow: false },
      { text: "2/λ", share: 1, isLow: false },
    ];
    const critical = this.criticalRate();
    if (Number.isFinite(critical)) marks.push({ text: "critical", share: critical / unit, isLow: true });
    return marks;
  }

  private facts(): Fact[] {
    const { run, ground } = this;
    const { descent } = run;
    const distances = Array.from(run.distances.values);
    const most = distances.reduce((high, value) => Math.max(high, value), 0);
    const limit = this.limit();
    const isStart = ground.unitSharpness === ground.startSharpness;
    const rows: Fact[] = [
      ["sharpness λ at the start", brief(ground.startSharpness, 4), ground.startSharpness],
      [isStart ? "2/λ" : "2/λ, λ largest on the flow", brief(unitOf(ground), 4), unitOf(ground)],
      ["limit at the start", brief(limit, 4), limit],
      ["critical rate of the run", brief(this.criticalRate(), 4), this.criticalRate()],
      ["final loss, descent", brief(descent.losses[descent.numSteps]), descent.losses[descent.numSteps]],
      ["final loss, flow", brief(ground.flow.losses.at(-1)!), ground.flow.losses.at(-1)!],
      ["largest distance", brief(most), most],
    ];
    if (run.asked > descent.numSteps && !descent.diverged)
      rows.push(["steps", `the first ${descent.numSteps} of ${run.asked}`]);
    if (descent.diverged) rows.push(["steps", `left the finite numbers after ${descent.numSteps}`]);
    if (!ground.flow.isComplete) rows.push(["flow", "cut off: too costly"]);
    return rows;
  }
}

const ARROWS: Partial<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** A number that was pointed at, in as many digits as one can point. */
function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** EDGE_OF_STABILITY as people say it. */
function words(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}
