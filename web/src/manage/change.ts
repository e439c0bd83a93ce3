// Changes to incidents and alerts, in words and with their inverse.
import type { ManagePatch } from '../api/types';
import { label } from '../design/words';

// Managed is what can be changed of an incident or an alert.
export interface Managed {
  id: string;
  name?: string;
  status: string;
  severity: string;
  assignedTo?: string;
  classification?: string;
  determination?: string;
  tags?: string[];
}

export type Thing = 'incident' | 'alert';

// inverse is the patch that puts back what the patch changes on one thing. Comments stay: the log is append-only.
export function inverse(before: Partial<Managed>, patch: ManagePatch): ManagePatch {
  const out: ManagePatch = {};
  if (patch.status !== undefined && before.status !== undefined) out.status = before.status;
  if (patch.severity !== undefined && before.severity !== undefined) out.severity = before.severity;
  if (patch.name !== undefined && before.name !== undefined) out.name = before.name;
  if (patch.assignedTo !== undefined) out.assignedTo = before.assignedTo ?? '';
  if (patch.classification !== undefined) {
    out.classification = before.classification || 'Unknown';
    out.determination = before.determination || 'NotAvailable';
  }
  if (patch.tags !== undefined) out.tags = before.tags ?? [];
  return out;
}

// sentence says what a patch does: "Status In progress, assigned to ana".
export function sentence(patch: ManagePatch): string {
  const parts: string[] = [];
  if (patch.name !== undefined) parts.push(`renamed`);
  if (patch.status !== undefined) parts.push(`status ${label(patch.status).toLowerCase()}`);
  if (patch.severity !== undefined) parts.push(`severity ${label(patch.severity).toLowerCase()}`);
  if (patch.assignedTo !== undefined) parts.push(patch.assignedTo === '' ? 'unassigned' : `assigned to ${patch.assignedTo}`);
  if (patch.classification !== undefined) {
    const d = patch.determination && patch.determination !== 'NotAvailable' ? `, ${label(patch.determination).toLowerCase()}` : '';
    parts.push(`classified ${label(patch.classification).toLowerCase()}${d}`);
  }
  if (patch.tags !== undefined) parts.push('tags changed');
  if (patch.comment) parts.push('commented');
  const text = parts.join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// difference keeps the fields of a form that differ from what is there.
export function difference(before: Partial<Managed>, form: ManagePatch): ManagePatch {
  const out: ManagePatch = {};
  if (form.status !== undefined && form.status !== before.status) out.status = form.status;
  if (form.severity !== undefined && form.severity !== before.severity) out.severity = form.severity;
  if (form.name !== undefined && form.name.trim() !== '' && form.name !== before.name) out.name = form.name.trim();
  if (form.assignedTo !== undefined && form.assignedTo !== (before.assignedTo ?? '')) out.assignedTo = form.assignedTo;
  const [c, d] = [form.classification, form.determination];
  if (c !== undefined && (c !== (before.classification || 'Unknown') || d !== (before.determination || 'NotAvailable'))) {
    out.classification = c;
    if (d !== undefined) out.determination = d;
  }
  if (form.tags !== undefined && form.tags.join('\n') !== (before.tags ?? []).join('\n')) out.tags = form.tags;
  if (form.comment !== undefined && form.comment.trim() !== '') out.comment = form.comment.trim();
  if (out.status === 'Resolved' && form.resolvingComment !== undefined && form.resolvingComment.trim() !== '')
    out.resolvingComment = form.resolvingComment.trim();
  return out;
}

// empty reports whether a patch changes nothing.
export function empty(patch: ManagePatch): boolean {
  return Object.keys(patch).length === 0;
}
