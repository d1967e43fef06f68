/** Finds the status lines at the start of a reply, up to the first that is not of a 1xx. */

const lf = 0x0a;
const cr = 0x0d;
const zero = 0x30;
const one = 0x31;
const three = 0x33;
/** `HTTP/1.1 100`: where the three digits of the status begin. */
const statusColumn = 9;

export interface HeadScanner {
  /** A request was sent; a reply begins with the next byte. */
  expectHead(): void;
  /** Reads what arrived, in any split. A status of 100 is changed to 103 where it stands. */
  scan(chunk: Uint8Array): void;
}

/** Starts a scanner for one connection; it expects nothing yet. */
export const startHeadScanner = (): HeadScanner => {
  let expecting = false;
  let inStatusLine = true;
  let column = 0;
  let secondIsZero = false;
  return {
    expectHead() {
      expecting = true;
      inStatusLine = true;
      column = 0;
    },
    scan(chunk) {
      for (let i = 0; expecting && i < chunk.length; i += 1) {
        const byte = chunk[i];
        if (inStatusLine && column === statusColumn && byte !== one) expecting = false;
        if (inStatusLine && column === statusColumn + 1) secondIsZero = byte === zero;
        if (inStatusLine && column === statusColumn + 2 && secondIsZero && byte === zero)
          chunk[i] = three;
        if (byte === lf) {
          // An empty line ends a head of headers; before a status line it is nothing.
          inStatusLine = column === 0;
          column = 0;
        } else if (byte !== cr) column += 1;
      }
    },
  };
};
