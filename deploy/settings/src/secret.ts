/**
 * A secret that cannot leak by being printed, logged, serialised or compared by accident.
 * `reveal()` is called where it goes on the wire, and nowhere else.
 */
export interface Secret {
  reveal(): string;
  toJSON(): '[secret]';
  toString(): '[secret]';
}

const shown = '[secret]';

/**
 * Wraps a secret's text, so that JSON, templates, `console` and `util.inspect` all show `[secret]`.
 * The text lives in a closure: no property holds it, so no serialiser can find it.
 */
export const secret = (text: string): Secret => {
  const hidden = {
    reveal: () => text,
    toJSON: (): typeof shown => shown,
    toString: (): typeof shown => shown,
    // What node:util's inspect looks for; named by its registered symbol, for the core imports no node:util.
    [Symbol.for('nodejs.util.inspect.custom')]: () => shown,
  };
  return Object.freeze(hidden);
};
