/**
 * Loaded into every part before its own code: when the supervisor is gone, however it ended, the part is told to end soon
 * (SIGHUP, "whoever started you is gone"), or to stop (SIGTERM) where it does not know the difference. The next start
 * waits for it, so it may not take for ever.
 */
const orphanMs = 15_000;

let told = false;
const end = () => {
  if (told) return;
  told = true;
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), orphanMs).unref();
  process.kill(process.pid, process.listenerCount('SIGHUP') > 0 ? 'SIGHUP' : 'SIGTERM');
};
process.stdin.on('end', end);
process.stdin.on('error', end);
process.stdin.resume();
// Watching must not keep a part alive that has nothing else to do.
if ('unref' in process.stdin) process.stdin.unref();
