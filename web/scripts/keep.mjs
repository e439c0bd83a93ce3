// Puts back dist/.keep, which keeps the folder in version control so that the server can embed it before the first build.
import { writeFileSync } from 'node:fs';

writeFileSync(new URL('../dist/.keep', import.meta.url), '');
