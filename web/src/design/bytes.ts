// Sizes as people write them. A unit is a thousand of the one before it, as disks are sold.

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

// bytes writes a size with three figures at most: "0 B", "12.3 MB".
export function bytes(n: number | undefined | null, locale?: string): string {
  if (n === undefined || n === null || !Number.isFinite(n)) return '–';
  let size = Math.max(0, n);
  let unit = 0;
  // 999.95 would be written as "1,000".
  while (size >= (unit === 0 ? 1000 : 999.5) && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  const digits = unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return `${size.toLocaleString(locale, { maximumFractionDigits: digits })} ${units[unit] ?? ''}`;
}

// sizeOf reads a size that a person wrote: "10 GB", "1.5tb", "4096". Undefined when it is none.
export function sizeOf(text: string): number | undefined {
  const found = /^\s*(\d+(?:[.,]\d+)?)\s*([kmgtp]?)(i?)b?\s*$/i.exec(text);
  if (!found) return undefined;
  const power = ' kmgtp'.indexOf((found[2] ?? '').toLowerCase() || ' ');
  const size = Math.round(Number((found[1] ?? '').replace(',', '.')) * (found[3] ? 1024 : 1000) ** power);
  return Number.isSafeInteger(size) ? size : undefined;
}
