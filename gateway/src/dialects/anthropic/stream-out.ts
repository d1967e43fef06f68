import type { Delta } from '../../model/delta.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Usage } from '../../model/usage.ts';
import type { ReplyHead } from '../dialect.ts';
import { messageBody, stopFields, usageBody } from './reply-out.ts';

// Deltas of another dialect as a stream of this one: https://docs.anthropic.com/en/docs/build-with-claude/streaming
// Content comes in blocks, one after the other. Other dialects may mix parallel tool calls, and do not say when one of
// them is whole; so whatever begins while a tool call is open waits until the reply stops.

type Block = 'text' | 'thinking' | 'tool_use';

interface WaitingTool {
  readonly kind: 'tool';
  readonly index: number;
  readonly id: string;
  readonly name: string;
  text: string;
}
type Waiting =
  | WaitingTool
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'thinking'; readonly text: string };

const sse = (body: JsonObject & { readonly type: string }): string =>
  `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;

/** The blocks of one message: opens them when something is said in them, closes them when something else is. */
const startBlocks = () => {
  let open: Block | null = null;
  let openTool = -1;
  let index = -1;

  const close = (): string => {
    if (open === null) return '';
    open = null;
    return sse({ type: 'content_block_stop', index });
  };
  const begin = (block: Block, content_block: JsonObject): string => {
    const closed = close();
    open = block;
    index += 1;
    return closed + sse({ type: 'content_block_start', index, content_block });
  };
  const say = (delta: JsonObject): string => sse({ type: 'content_block_delta', index, delta });

  return {
    close,
    text(text: string): string {
      const begun = open === 'text' ? '' : begin('text', { type: 'text', text: '' });
      return begun + say({ type: 'text_delta', text });
    },
    thinking(thinking: string): string {
      const empty = { type: 'thinking', thinking: '', signature: '' };
      const begun = open === 'thinking' ? '' : begin('thinking', empty);
      return begun + say({ type: 'thinking_delta', thinking });
    },
    signature: (signature: string): string =>
      open === 'thinking' ? say({ type: 'signature_delta', signature }) : '',
    tool(tool: number, id: string, name: string): string {
      openTool = tool;
      return begin('tool_use', { type: 'tool_use', id, name, input: {} });
    },
    input: (partial_json: string): string => say({ type: 'input_json_delta', partial_json }),
    isToolOpen: (): boolean => open === 'tool_use',
    isOpen: (tool: number): boolean => open === 'tool_use' && openTool === tool,
  };
};

/** Renders deltas as a stream of this dialect. Usage is told at the end, when other dialects know it. */
export const streamWriter = (head: ReplyHead): ((deltas: readonly Delta[]) => string) => {
  const blocks = startBlocks();
  const waiting: Waiting[] = [];
  let usage: Usage | null = null;
  let stopped: Extract<Delta, { kind: 'stopped' }> | null = null;
  let begun = false;
  let hasTools = false;
  let hasRefusal = false;

  const begin = (id: string): string => {
    if (begun) return '';
    begun = true;
    const message = messageBody(id === '' ? head.fallbackId : id, head.model, {
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: usageBody(usage),
    });
    return sse({ type: 'message_start', message });
  };

  const say = (item: Waiting): string => {
    if (item.kind === 'text') return blocks.text(item.text);
    if (item.kind === 'thinking') return blocks.thinking(item.text);
    return blocks.tool(item.index, item.id, item.name) + blocks.input(item.text);
  };
  /** Says something now, or when the open tool call is whole. */
  const sayInTurn = (item: Waiting): string => {
    if (!blocks.isToolOpen()) return begin('') + say(item);
    waiting.push(item);
    return '';
  };
  const closeAll = (): string => begin('') + waiting.splice(0).map(say).join('') + blocks.close();

  const startTool = ({ index, id, name }: Extract<Delta, { kind: 'tool_started' }>): string => {
    hasTools = true;
    return sayInTurn({ kind: 'tool', index, id, name, text: '' });
  };

  const addInput = ({ index, text }: Extract<Delta, { kind: 'tool_arguments' }>): string => {
    if (blocks.isOpen(index)) return blocks.input(text);
    const tool = waiting.find(
      (item): item is WaitingTool => item.kind === 'tool' && item.index === index,
    );
    if (tool !== undefined) tool.text += text;
    return '';
  };

  const end = (): string => {
    const delta = stopFields(stopped, { hasTools, hasRefusal });
    const last = sse({ type: 'message_delta', delta, usage: usageBody(usage) });
    return closeAll() + last + sse({ type: 'message_stop' });
  };

  const render = (delta: Delta): string => {
    switch (delta.kind) {
      case 'opened':
        return begin(delta.id);
      case 'refusal':
        hasRefusal = true;
        return sayInTurn({ kind: 'text', text: delta.text });
      case 'text':
        return sayInTurn({ kind: 'text', text: delta.text });
      case 'reasoning':
        return sayInTurn({ kind: 'thinking', text: delta.text });
      case 'reasoning_signature':
        return blocks.signature(delta.signature);
      case 'tool_started':
        return startTool(delta);
      case 'tool_arguments':
        return addInput(delta);
      case 'usage':
        usage = delta.usage;
        return '';
      case 'stopped':
        stopped ??= delta;
        return closeAll();
      case 'ended':
        return end();
      case 'other_content':
      case 'failed':
        return '';
    }
  };
  return (deltas) => deltas.map(render).join('');
};
