import { SERVICE_NAMES } from '../scripts/stack/services.ts';
import { calleesOf, type Call, type Caller } from './calls.ts';
import { DATA, OUTSIDE } from './reach.ts';

const HEADER = '<!-- Made by `npm run generate` from mesh/calls.ts: edit there. -->\n';

/** docs/CALLS.md: who calls whom as a picture, and method by method as tables. */
export function picture(table: readonly Call[]): string {
  const words = '# Who calls what\n\nMade from the contracts (`rail.options.v1.rule`) and `mesh/calls.ts`. The mesh allows exactly this: everything else is refused with PERMISSION_DENIED.\nLeft out of the picture: keys of access tokens (all ask identity), settings (all but risk itself ask risk), health (edge and ops ask all).\n';
  return `${HEADER}${words}\n\`\`\`mermaid\n${graph(table)}\n\`\`\`\n\n${SERVICE_NAMES.map((name) => section(name, table)).join('\n')}`;
}

/** What everybody asks would hide the rest. */
const EVERYWHERE = /^\/(grpc\.health|\.well-known|rail\.config)/;

function graph(table: readonly Call[]): string {
  const told = table.filter(({ path }) => !EVERYWHERE.test(path));
  const arrows = (['edge', ...SERVICE_NAMES] as const).flatMap((caller: Caller) => {
    const callees = calleesOf(caller, told).filter((callee) => callee !== caller);
    return callees.length === 0 ? [] : [`  ${caller} --> ${callees.join(' & ')}`];
  });
  const systems = SERVICE_NAMES.flatMap((name) => (OUTSIDE[name] ?? []).map((system) => `  ${name} -. HTTPS .-> ${system}([${system}])`));
  return ['flowchart LR', '  edge[[edge]]', ...arrows, ...systems].join('\n');
}

function section(name: (typeof SERVICE_NAMES)[number], table: readonly Call[]): string {
  const rows = table.filter(({ callee }) => callee === name).map((call) => `| \`${call.http_method === 'GET' ? 'GET ' : ''}${call.path}\` | ${call.callers.join(', ')} | ${behaviour(call)} |`);
  return `## ${name}\nStores: ${DATA[name].join(', ')}.\n\n| method | callers | how |\n|---|---|---|\n${rows.join('\n')}\n`;
}

function behaviour({ endless, repeatable, timeout_ms }: Call): string {
  return endless ? 'stream without end' : `${timeout_ms / 1000} s${repeatable ? ', repeated once' : ''}`;
}
