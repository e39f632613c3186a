import type { Clock } from '#kit/base/clock.ts';
import type { Database } from '#kit/store/mysql.ts';
import type { TemplateKey, Templates } from '../app/ports.ts';
import type { Template } from '../domain/template.ts';
import { allActive, oneVersion } from './template_rows.ts';

/** How long another process may go on with the wording before. */
const LIFE_MS = 1000;
/** Versions kept for ever; beyond it they are read anew. */
const VERSIONS_MAX = 1000;

/** Wordings in memory: versions for ever, since they never change, and which of them are used for a second. */
export function cacheTemplates(db: Database, clock: Pick<Clock, 'monotonic_ms'>): Templates {
  const versions = new Map<string, Template>();
  let active: { templates: Promise<Template[]>; until_ms: number } | undefined;
  const keep = (template: Template): Template => {
    if (versions.size >= VERSIONS_MAX) versions.clear();
    versions.set(nameOf(template), template);
    return template;
  };

  function current(): Promise<Template[]> {
    if (active === undefined || active.until_ms <= clock.monotonic_ms()) {
      const asked = { templates: allActive(db).then((templates) => templates.map(keep)), until_ms: clock.monotonic_ms() + LIFE_MS };
      active = asked;
      asked.templates.catch(() => {
        if (active === asked) active = undefined;
      });
    }
    return active.templates;
  }

  return {
    activeOf: async (template_id) => (await current()).filter((template) => template.template_id === template_id),
    async version(key) {
      const known = versions.get(nameOf(key));
      if (known !== undefined) return known;
      const found = await oneVersion(db, key);
      return found && keep(found);
    },
    reviewed() {
      active = undefined;
    },
  };
}

function nameOf({ template_id, channel, version }: TemplateKey): string {
  return `${template_id}/${channel}/${version}`;
}
