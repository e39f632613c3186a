/** A promise that was found broken: by which check, about what, and where to look on. */
export type Finding = { check: string; ids: string[]; what: string; look: string };

const IDS_SHOWN = 8;

export function finding(check: string, ids: readonly (string | number)[], what: string, look: string): Finding {
  return { check, ids: ids.map(String), what, look };
}

/** Findings of one kind together, so that a broken guard reads as one thing and not as a thousand. */
export function describe(findings: readonly Finding[]): string {
  const kinds = Map.groupBy(findings, ({ check, what }) => `${check}: ${what.replaceAll(/\d{3,}[\w.-]*/g, '…')}`);
  return [...kinds.values()]
    .map((same) => {
      const { check, what, look } = same[0]!;
      const ids = [...new Set(same.flatMap((one) => one.ids))];
      const more = ids.length > IDS_SHOWN ? ` and ${ids.length - IDS_SHOWN} more` : '';
      return `[${check}] ${what}${same.length > 1 ? ` (${same.length} times)` : ''}\n    ids: ${ids.slice(0, IDS_SHOWN).join(', ')}${more}\n    look: ${look}`;
    })
    .join('\n');
}
