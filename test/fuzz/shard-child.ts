/** One shard in a process of its own: what failing queries leave in the engine's memory goes with it. */
import { tryShard } from './shard.ts';

const [firstSeed, count, directory = ''] = process.argv.slice(2);
const tally = await tryShard({ firstSeed: Number(firstSeed), count: Number(count), directory });
process.send?.(tally);
process.disconnect?.();
