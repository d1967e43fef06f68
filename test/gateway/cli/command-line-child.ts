/** A process that runs one command of the command line after the other, each as if the process were its own. */
import { main } from '../../../gateway/src/cli.ts';
import type { Asked, Ran } from './run.ts';

type Write = typeof process.stdout.write;

/** Catches what is written meanwhile. */
const caught = (stream: NodeJS.WriteStream): (() => string) => {
  const pieces: Buffer[] = [];
  const write = (
    piece: string | Uint8Array,
    second?: BufferEncoding | ((error?: Error | null) => void),
    third?: (error?: Error | null) => void,
  ): boolean => {
    pieces.push(Buffer.from(piece));
    const done = typeof second === 'function' ? second : third;
    if (done !== undefined) process.nextTick(done);
    return true;
  };
  const original: Write = stream.write.bind(stream);
  stream.write = write;
  return () => {
    stream.write = original;
    return Buffer.concat(pieces).toString();
  };
};

const run = async ({ directory, args, env }: Asked): Promise<Ran> => {
  process.chdir(directory);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.exitCode = undefined;
  const [out, err] = [caught(process.stdout), caught(process.stderr)];
  let failure = '';
  try {
    await main(args);
  } catch (error) {
    process.exitCode = 1;
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { exitCode } = process;
  const code = typeof exitCode === 'number' ? exitCode : 0;
  process.exitCode = undefined;
  return { code, out: out(), err: err() + failure };
};

process.on('message', (asked: Asked) => {
  void run(asked).then((ran) => process.send?.(ran));
});
process.on('disconnect', () => process.exit(0));
