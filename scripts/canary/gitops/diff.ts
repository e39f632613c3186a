/** A difference in unified form, for people: lines that left, lines that came, and three around them. */
export function diffText(name: string, before: string, after: string): string {
  if (before === after) return '';
  const [a, b] = [linesOf(before), linesOf(after)];
  const lines = walk(a, b);
  const shown = new Set<number>();
  lines.forEach(({ sign }, at) => {
    if (sign !== ' ') for (let near = at - AROUND; near <= at + AROUND; near += 1) shown.add(near);
  });
  const out = [`--- ${before === '' ? '/dev/null' : name}`, `+++ ${after === '' ? '/dev/null' : name}`];
  let last = -1;
  lines.forEach(({ sign, text }, at) => {
    if (!shown.has(at)) return;
    if (at !== last + 1 && last >= 0) out.push('@@');
    out.push(`${sign}${text}`);
    last = at;
  });
  return `${out.join('\n')}\n`;
}

const AROUND = 3;

type Line = { sign: ' ' | '-' | '+'; text: string };

/** By the longest common subsequence: files of manifests are short. */
function walk(a: readonly string[], b: readonly string[]): Line[] {
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) for (let j = b.length - 1; j >= 0; j -= 1) common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i]! });
      i += 1;
      j += 1;
    } else if (i < a.length && (j === b.length || common[i + 1]![j]! >= common[i]![j + 1]!)) lines.push({ sign: '-', text: a[i++]! });
    else lines.push({ sign: '+', text: b[j++]! });
  }
  return lines;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
