/** The line from here to there, as tickets print it. Decoration. */
export function Arrow() {
  return (
    <svg className="arrow" viewBox="0 0 56 12" aria-hidden="true">
      <path d="M0 7h54L46 1.5" />
    </svg>
  );
}
