/**
 * Says now and then on standard error how far a command is.
 * @param everyMs not more often than this, and not before it
 */
export const progress = (everyMs: number): ((text: () => string) => void) => {
  let toldMs = performance.now();
  return (text) => {
    if (performance.now() < toldMs + everyMs) return;
    toldMs = performance.now();
    process.stderr.write(`${text()}\n`);
  };
};
