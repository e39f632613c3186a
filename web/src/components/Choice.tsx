import type { ReactNode } from 'react';

type Option<T> = { value: T; label: ReactNode };
type Props<T> = { legend: string; name: string; options: Option<T>[]; value: T; onChoose: (value: T) => void; hide_legend?: boolean };

/** One of a few, as native radio buttons in the shape of tabs. */
export function Choice<T extends string | number>({ legend, name, options, value, onChoose, hide_legend = false }: Props<T>) {
  return (
    <fieldset className="choice">
      <legend className={hide_legend ? 'visually-hidden' : 'field__label'}>{legend}</legend>
      <div className="choice__options">
        {options.map((option) => (
          <label key={option.value} className="chip">
            <input type="radio" name={name} checked={option.value === value} onChange={() => onChoose(option.value)} data-testid={`${name}-${option.value}`} />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A switch with its words. */
export function Check({ label, checked, onCheck, test_id, disabled }: { label: ReactNode; checked: boolean; onCheck: (checked: boolean) => void; test_id?: string; disabled?: boolean }) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onCheck(event.target.checked)} data-testid={test_id} />
      <span>{label}</span>
    </label>
  );
}
