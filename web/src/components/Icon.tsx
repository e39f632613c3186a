/** Line icons on a grid of 24, drawn for this client. Always decoration: the words stand beside them. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export type IconName = keyof typeof PATHS;

const PATHS = {
  search: 'M4 19h16M6 19v-8a6 6 0 0 1 12 0v8M6 13h12M9 16h.01M15 16h.01M8 19l-2 3M16 19l2 3',
  ticket: 'M3 7h18v3.2a2 2 0 0 0 0 3.6V17H3v-3.2a2 2 0 0 0 0-3.6zM14.5 7v2.4M14.5 11v2.2M14.5 14.8V17',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l1.6 2.4H4.4zM10 21h4M12 3v2',
  people: 'M8.5 11a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4zM2.5 20c.4-4 2.6-6 6-6s5.6 2 6 6M15.5 5a3 3 0 0 1 0 6M17 14.3c2.6.6 4 2.5 4.4 5.7',
  person: 'M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 21c.5-4.5 3.2-7 7.5-7s7 2.5 7.5 7',
  swap: 'M4 8h14l-3.5-3.5M20 16H6l3.5 3.5',
  calendar: 'M4 6h16v14H4zM4 10.5h16M8.5 3.5V7M15.5 3.5V7',
  left: 'M14.5 5 8 12l6.5 7',
  right: 'M9.5 5 16 12l-6.5 7',
  down: 'M5 9.5 12 16l7-6.5',
  filter: 'M4 7h16M7 12h10M10 17h4',
  check: 'M4.5 12.5 10 18l9.5-11.5',
  warning: 'M12 4 2.8 20h18.4zM12 10.5v4M12 17.2h.01',
  clock: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2',
  seat: 'M7 4v10h10M7 14l1.5 6M17 14v6M7 9h8.5',
  plus: 'M12 5v14M5 12h14',
  arrow: 'M3 12h17M14.5 6.5 20 12l-5.5 5.5',
} as const;
