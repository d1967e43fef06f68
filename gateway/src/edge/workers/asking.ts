/** Questions to another process that wait for their answers, each for a time at most. */
export class Asking {
  #last = 0;
  readonly #waiting = new Map<number, (answer: unknown) => void>();

  /** Sends a question under a number of its own; null when no answer came in time, or none will come. */
  ask(send: (id: number) => void, withinMs: number): Promise<unknown> {
    const id = (this.#last += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answered(id, null), withinMs);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(answer);
      });
      send(id);
    });
  }

  answered(id: number, answer: unknown): void {
    this.#waiting.get(id)?.(answer);
  }

  /** The other process is gone. */
  giveUp(): void {
    for (const answer of this.#waiting.values()) answer(null);
  }
}
