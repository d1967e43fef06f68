/** A clock that is set when there is something to do, and stands still when there is not. Keeps no process alive. */
export class Alarm {
  readonly #ring: () => void;
  #set: { readonly dueMs: number; readonly timeout: NodeJS.Timeout } | null = null;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings in so many milliseconds, or sooner when it was set so before; then it stands still. */
  within(ms: number): void {
    const dueMs = performance.now() + ms;
    if (this.#set !== null) {
      if (this.#set.dueMs <= dueMs) return;
      this.stop();
    }
    const timeout = setTimeout(() => {
      this.#set = null;
      this.#ring();
    }, ms);
    timeout.unref();
    this.#set = { dueMs, timeout };
  }

  stop(): void {
    clearTimeout(this.#set?.timeout);
    this.#set = null;
  }
}
