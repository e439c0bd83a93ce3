// A mapping's text, as far as the page has to understand it.
import type { Mapping } from '../api/mappings';

// nameOf is the name that the text of a mapping gives itself; "" when it has none.
export function nameOf(text: string): string {
  const found = /^name:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*))/m.exec(text);
  return (found?.[1] ?? found?.[2] ?? found?.[3] ?? '').trim();
}

// origins says where a mapping comes from.
export const origins: Record<Mapping['origin'], string> = { builtin: 'Built in', operator: 'Of this server', user: 'Own' };

// renamed gives the text another name, for a copy.
export function renamed(text: string, name: string): string {
  return /^name:.*$/m.test(text) ? text.replace(/^name:.*$/m, `name: ${name}`) : `name: ${name}\n${text}`;
}

// starter is the text that a new mapping begins with.
export const starter = `name: my-product
description: What the records are about.
# KQL, true for the records that this mapping takes. RawData is the whole record, Program and Host come from syslog;
# members of a JSON record go by their own names.
match: Program == "my-product"
# A hunting table, or a table of your own: NAME_CL.
table: MyProduct_CL
columns:
  DeviceName: Host
  Message: Message
`;
