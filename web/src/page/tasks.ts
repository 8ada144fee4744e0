// Long work in small slices, so that a key is answered at once whatever is going on.

export type Work = Generator<unknown, void>;

interface Task {
  readonly key: string;
  readonly work: Work;
  isDone: boolean;
}

const SLICE_MS = 9;
// Lets the page paint and hear keys between two slices.
const PAUSE_MS = 4;
// Work begins once nothing has been asked for so long: while a slider is dragged it would only be in the way.
const REST_MS = 50;

export class Tasks {
  private readonly tasks = new Map<string, Task>();
  private timer = 0;

  constructor(private readonly changed: (isIdle: boolean) => void) {}

  /** Begin the work called `name` anew, unless it is under way or done for the same key; what began first goes first. */
  begin(name: string, key: string, make: () => Work): void {
    if (this.tasks.get(name)?.key === key) return;
    this.tasks.delete(name);
    this.tasks.set(name, { key, work: make(), isDone: false });
    this.changed(false);
    this.wake(REST_MS);
  }

  /** Begin at once what was asked for by name. */
  hurry(): void {
    if (this.next()) this.slice();
  }

  drop(name: string): void {
    this.tasks.delete(name);
  }

  private wake(pause: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.slice(), pause);
  }

  private slice(): void {
    clearTimeout(this.timer);
    const end = performance.now() + SLICE_MS;
    let task = this.next();
    while (task && performance.now() < end) {
      if (task.work.next().done) task.isDone = true;
      task = this.next();
    }
    if (task) this.wake(PAUSE_MS);
    else this.changed(true);
  }

  private next(): Task | undefined {
    for (const task of this.tasks.values()) if (!task.isDone) return task;
    return undefined;
  }
}
