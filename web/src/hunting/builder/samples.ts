// Queries of the builder to begin with, by domain.
import { condition, group, type BuilderModel, type Domain } from './model';

export interface BuilderSample {
  title: string;
  domain: Domain;
  make: () => BuilderModel;
}

const model = (domain: Domain, mode: BuilderModel['mode'], root: BuilderModel['root']): BuilderModel => ({
  domain,
  mode,
  root,
  sample: 10_000,
});

export const builderSamples: readonly BuilderSample[] = [
  {
    title: 'Script engines with encoded commands',
    domain: 'endpoints',
    make: () =>
      model(
        'endpoints',
        'basic',
        group('and', [
          condition('process.name', 'equals', ['powershell.exe', 'pwsh.exe']),
          condition('process.command', 'contains', ['-enc', 'FromBase64String']),
        ]),
      ),
  },
  {
    title: 'Programs that connect to a port or address',
    domain: 'endpoints',
    make: () =>
      model(
        'endpoints',
        'all',
        group('and', [
          condition('ip.action', 'in', ['ConnectionSuccess']),
          group('or', [condition('ip.port', 'equals', ['4444', '8080']), condition('ip.url', 'notEmpty')]),
        ]),
      ),
  },
  {
    title: 'Files with the extension of a program, outside its folder',
    domain: 'endpoints',
    make: () =>
      model(
        'endpoints',
        'all',
        group('and', [
          condition('file.name', 'endsWith', ['.exe', '.dll']),
          condition('file.folder', 'contains', ['\\Users\\', '\\Temp\\']),
        ]),
      ),
  },
  {
    title: 'Failed logons',
    domain: 'identities',
    make: () => model('identities', 'all', group('and', [condition('logon.action', 'in', ['LogonFailed'])])),
  },
  {
    title: 'Administrator activity in apps',
    domain: 'identities',
    make: () => model('identities', 'all', group('and', [condition('app.admin', 'true'), condition('app.account', 'notEmpty')])),
  },
  {
    title: 'Messages with attachments from outside',
    domain: 'email',
    make: () =>
      model(
        'email',
        'all',
        group('and', [condition('email.direction', 'in', ['Inbound']), condition('email.attachments', 'greater', ['0'])]),
      ),
  },
  {
    title: 'Messages with a word in the subject',
    domain: 'email',
    make: () => model('email', 'basic', group('and', [condition('email.subject', 'contains', ['invoice', 'payment', 'password'])])),
  },
];
