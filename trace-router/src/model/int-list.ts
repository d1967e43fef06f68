/** A growing list of 32-bit integers that keeps its memory between uses: scratch space of the scanner and the splitter. */
export interface IntList {
  values: Int32Array;
  length: number;
}

/** An empty list with room for `capacity` integers. */
export const intList = (capacity = 1024): IntList => ({
  values: new Int32Array(capacity),
  length: 0,
});

/** Appends one integer. */
export const push = (list: IntList, value: number): void => {
  if (list.length === list.values.length) {
    const larger = new Int32Array(list.values.length * 2);
    larger.set(list.values);
    list.values = larger;
  }
  list.values[list.length++] = value;
};

/** The integer at `index`, which the caller knows to exist. */
export const item = (list: IntList, index: number): number => list.values[index] ?? 0;
