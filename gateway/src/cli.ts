/** The command line: `npm run tollgate -- <command>`. Exit codes: 0 done, 1 it failed, 2 it was called wrongly. */
import { check } from './cli/check.ts';
import { programUsage, type Command } from './cli/command.ts';

/** Every command; one more is a file in `cli/` and a name here. */
const commands: readonly Command[] = [check];

const main = async ([name = '', ...args]: readonly string[]): Promise<void> => {
  const command = commands.find((one) => one.name === name);
  const usage = await (command?.usage() ?? programUsage(commands));
  if ([name, ...args].some((arg) => arg === '--help' || arg === '-h')) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const unknown = name === '' ? 'no command given' : `there is no command '${name}'`;
  const complaint = command === undefined ? unknown : command.complaint(args);
  if (command === undefined || complaint !== null) {
    process.stderr.write(`${usage}\n\ntollgate: ${complaint}\n`);
    process.exitCode = 2;
    return;
  }
  await command.run(args);
};

await main(process.argv.slice(2));
