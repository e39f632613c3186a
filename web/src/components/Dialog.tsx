import { useEffect, useId, useRef } from 'react';
import type { ReactNode } from 'react';

/** A modal dialog of the browser: it keeps the focus, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={id} onCancel={onClose} onClick={(event) => event.target === dialog.current && onClose()}>
      <div className="dialog__body">
        <h2 id={id} className="dialog__title">
          {title}
        </h2>
        {children}
      </div>
    </dialog>
  );
}

type ConfirmProps = { title: string; body: string; confirm: string; keep: string; busy?: boolean; onConfirm: () => void; onClose: () => void };

/** Asks before something that cannot be undone. The safe answer has the focus. */
export function ConfirmDialog({ title, body, confirm, keep, busy = false, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{body}</p>
      <div className="dialog__actions">
        <button type="button" className="button" onClick={onClose}>
          {keep}
        </button>
        <button type="button" className="button button--primary" disabled={busy} onClick={onConfirm} data-testid="confirm">
          {confirm}
        </button>
      </div>
    </Dialog>
  );
}
