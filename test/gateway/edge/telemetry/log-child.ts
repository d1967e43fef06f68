/** Writes one line and ends, as a gateway does; its parent tells by standard input that nobody reads any more. */
import {
  flushed,
  sharedStdoutBlocks,
  stdoutBlocks,
} from '../../../../gateway/src/edge/telemetry/log.ts';

const lines = process.argv[2] === 'shared' ? sharedStdoutBlocks() : stdoutBlocks();
process.stdin.once('data', () => {
  lines.write('the last line\n');
  void flushed(lines).then(() => process.exit(0));
});
