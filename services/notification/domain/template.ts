import { fieldInvalid, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';

export const MESSAGE_CHANNELS = ['SMS', 'EMAIL', 'PUSH', 'INBOX'] as const;
export type MessageChannel = (typeof MESSAGE_CHANNELS)[number];
export type TemplateState = 'PROPOSED' | 'ACTIVE' | 'REJECTED' | 'RETIRED';
export type Language = 'zh' | 'en';

/** The wording of a message on one channel. A reviewed version never changes; a new wording is a new version. */
export type Template = {
  template_id: string;
  channel: MessageChannel;
  version: bigint;
  state: TemplateState;
  title_zh: string;
  body_zh: string;
  title_en: string;
  body_en: string;
  /** Account ids; `system` for those that come with the product. */
  author: string;
  reviewer: string;
};

export type Rendered = { title: string; body: string };
export type Parameters = Readonly<Record<string, string>>;

/** The text in one language, `{name}` replaced by the parameter of that name and by nothing where there is none. */
export function render(template: Pick<Template, 'title_zh' | 'body_zh' | 'title_en' | 'body_en'>, language: Language, parameters: Parameters): Rendered {
  const [title, body] = language === 'en' ? [template.title_en, template.body_en] : [template.title_zh, template.body_zh];
  // One pass: a parameter that looks like a placeholder stays what it is.
  const fill = (text: string) => text.replaceAll(PLACEHOLDER, (_, name: string) => (Object.hasOwn(parameters, name) ? parameters[name]! : ''));
  return { title: fill(title), body: fill(body) };
}

/** The names that a template uses, sorted. */
export function placeholdersOf(template: Pick<Template, 'title_zh' | 'body_zh' | 'title_en' | 'body_en'>): string[] {
  const names = [template.title_zh, template.body_zh, template.title_en, template.body_en].flatMap((text) => [...text.matchAll(PLACEHOLDER)].map((match) => match[1]!));
  return [...new Set(names)].toSorted();
}

/** The rules of a proposal: FIELD_INVALID with the field. Parameters must be those that the active version knows. */
export function checkProposal(proposal: Pick<Template, 'channel' | 'title_zh' | 'body_zh' | 'title_en' | 'body_en'>, active: Template): Result<undefined> {
  for (const field of ['title_zh', 'body_zh', 'title_en', 'body_en'] as const) {
    const text = proposal[field];
    if (field.startsWith('body') && text.trim() === '') return fieldInvalid(field, 'a text is needed in both languages');
    // SMS beyond 500 characters are cut by carriers; the others are kept readable.
    if (text.length > (proposal.channel === 'SMS' ? 500 : 2000)) return fieldInvalid(field, 'too long');
  }
  const known = new Set(placeholdersOf(active));
  const strange = placeholdersOf(proposal).find((name) => !known.has(name));
  return strange === undefined ? ok() : fieldInvalid('body_zh', `nobody fills in {${strange}}`);
}

const PLACEHOLDER = /\{([a-z_]{1,32})\}/g;
