/** Text for HTML: everything that comes from outside goes through it. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** A plain page that says at its top that it is a sandbox, so that nobody takes it for the real thing. */
export function page(title: string, body: string): string {
  return `<!doctype html><html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;text-align:left;vertical-align:top}.note{background:#fff4d6;padding:.5rem 1rem}</style>
</head><body><p class="note">Sandbox 沙箱 · no real messages, money or people</p><h1>${escapeHtml(title)}</h1>${body}</body></html>`;
}
