/** Loaded into every part before its own code: when the supervisor is gone, however it ended, the part is asked to stop. */
process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
process.stdin.resume();
// Watching must not keep a part alive that has nothing else to do.
if ('unref' in process.stdin) process.stdin.unref();
