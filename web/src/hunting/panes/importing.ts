// Query files that a person drops or picks.

export interface PickedFile {
  path: string;
  text: string;
}

const wanted = /\.(kql|csl|txt|md|ya?ml)$/i;

// What one call of the server takes, and what a browser holds without pain.
export const maxFile = 256 << 10;
export const maxFiles = 5000;
export const maxBatch = 4 << 20;

async function read(file: File, path: string): Promise<PickedFile | undefined> {
  return wanted.test(path) && file.size <= maxFile ? { path, text: await file.text() } : undefined;
}

const entriesOf = (folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> =>
  new Promise((resolve) => {
    const reader = folder.createReader();
    const all: FileSystemEntry[] = [];
    // A reader gives at most so many at a time; an empty answer is the end.
    const more = () =>
      reader.readEntries(
        (some) => {
          all.push(...some);
          if (some.length === 0) resolve(all);
          else more();
        },
        () => resolve(all),
      );
    more();
  });

const fileOf = (entry: FileSystemFileEntry): Promise<File | undefined> =>
  new Promise((resolve) => entry.file(resolve, () => resolve(undefined)));

// filesOf reads what was dropped, folders too.
export async function filesOf(data: DataTransfer): Promise<PickedFile[]> {
  const roots = [...data.items].flatMap((i) => i.webkitGetAsEntry() ?? []);
  const loose = [...data.files];
  const out: PickedFile[] = [];
  const walk = async (entry: FileSystemEntry, path: string): Promise<void> => {
    if (out.length >= maxFiles) return;
    if (entry.isDirectory) {
      for (const child of await entriesOf(entry as FileSystemDirectoryEntry)) await walk(child, `${path}${entry.name}/`);
      return;
    }
    const file = await fileOf(entry as FileSystemFileEntry);
    const picked = file ? await read(file, `${path}${entry.name}`) : undefined;
    if (picked) out.push(picked);
  };
  if (roots.length > 0) for (const root of roots) await walk(root, '');
  else out.push(...(await fromList(loose)));
  return out;
}

// fromList reads the files of a field; those of a picked folder carry their path.
export async function fromList(files: readonly File[]): Promise<PickedFile[]> {
  const out: PickedFile[] = [];
  for (const file of files.slice(0, maxFiles)) {
    const picked = await read(file, file.webkitRelativePath || file.name);
    if (picked) out.push(picked);
  }
  return out;
}

// batches splits files into calls that the server takes.
export function batches(files: readonly PickedFile[], most = maxBatch, count = 500): PickedFile[][] {
  const out: PickedFile[][] = [];
  let size = 0;
  for (const f of files) {
    const last = out.at(-1);
    const bytes = f.text.length * 2 + f.path.length;
    if (!last || size + bytes > most || last.length >= count) {
      out.push([f]);
      size = bytes;
    } else {
      last.push(f);
      size += bytes;
    }
  }
  return out;
}
