import { useState } from 'react';
import { Button, makeStyles, Spinner, tokens, ToggleButton } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { ApiError } from '../api/client';
import { connectors, type Connector, type ConnectorKind, type ConnectorTest } from '../api/connectors';
import { describe, useNotify } from '../app/notify';
import { Refusal } from '../design/dialog/FormDialog';
import { Wizard } from '../design/dialog/Wizard';
import { Markdown } from '../design/Markdown';
import { ConnectorFields } from './ConnectorFields';
import { bodyOf, draftOf, fieldOf, hasSecret, problems, type Draft } from './connector';
import { TestResult } from './TestResult';

const useStyles = makeStyles({
  choices: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(200px, 1fr))', gap: tokens.spacingHorizontalS },
  choice: { justifyContent: 'flex-start', textAlign: 'left', height: '100%', maxWidth: 'none' },
  name: { display: 'flex', flexDirection: 'column', fontWeight: tokens.fontWeightSemibold },
  quiet: { fontWeight: tokens.fontWeightRegular, fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 },
});

const newSteps = ['Choose the service', 'Get the credentials', 'Fill in and test'];
const editSteps = ['Change and test'];

// ConnectorWizard adds a connector, from the choice of the service to a test of its credentials, or changes one.
export function ConnectorWizard({
  kinds,
  connector,
  onClose,
  onDone,
}: {
  kinds: readonly ConnectorKind[];
  connector?: Connector;
  onClose: () => void;
  onDone: (connector: Connector) => void;
}) {
  const s = useStyles();
  const client = useQueryClient();
  const { notify } = useNotify();
  const [step, setStep] = useState(0);
  const [kind, setKind] = useState<ConnectorKind | undefined>(() => kinds.find((k) => k.kind === connector?.kind));
  const [draft, setDraft] = useState<Draft | undefined>(() => (kind && connector ? draftOf(kind, connector) : undefined));
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [refusal, setRefusal] = useState('');
  const [result, setResult] = useState<ConnectorTest | undefined>();
  const [busy, setBusy] = useState<'test' | 'save' | undefined>();
  const steps = connector ? editSteps : newSteps;
  const filling = step === steps.length - 1;

  // attempt sends what is typed; a refusal that names a field is shown at the field.
  const attempt = async (what: 'test' | 'save', send: (body: ReturnType<typeof bodyOf>) => Promise<void>) => {
    if (!kind || !draft) return;
    const bad = problems(kind, draft, connector);
    setWrong(bad);
    setRefusal('');
    setResult(undefined);
    if (Object.keys(bad).length > 0) return;
    setBusy(what);
    try {
      await send(bodyOf(kind, draft, connector));
    } catch (err) {
      const field = err instanceof ApiError ? fieldOf(err.target) : '';
      if (field === 'name' || kind.fields.some((f) => f.name === field)) setWrong({ [field]: err instanceof Error ? err.message : '' });
      else setRefusal(describe(err));
    }
    setBusy(undefined);
  };
  // What is kept is not tried with other settings: credentials that are not typed again cannot be tested here.
  const untyped = kind?.fields.some((f) => hasSecret(connector, f.name) && draft?.values[f.name] === '') ?? false;
  const typed = draft !== undefined && Object.values(draft.values).some((v) => v !== '');
  return (
    <Wizard
      title={connector ? `Change ${connector.name}` : kind && step > 0 ? `Connect ${kind.name}` : 'Add a connector'}
      steps={steps}
      step={step}
      busy={busy !== undefined}
      action={connector ? 'Save' : 'Save and run'}
      buttons={
        filling ? (
          <Button
            disabled={busy !== undefined || !typed || untyped}
            {...(busy === 'test' ? { icon: <Spinner size="tiny" /> } : {})}
            onClick={() =>
              void attempt('test', async (body) => {
                setResult(await connectors.test(body));
              })
            }
          >
            Test
          </Button>
        ) : undefined
      }
      onBack={() => setStep(step - 1)}
      onNext={() => {
        if (kind) setStep(step + 1);
        else setRefusal('Choose a service first.');
      }}
      onFinish={() =>
        void attempt('save', async (body) => {
          const kept = connector ? await connectors.update(connector.id, body) : await connectors.create(body);
          await client.invalidateQueries({ queryKey: ['connectors'] });
          notify({
            title: connector ? `Changed ${kept.name}` : `Added ${kept.name}`,
            body: kept.enabled ? 'It runs now.' : 'It is paused; resume it to let it run.',
          });
          onDone(kept);
        })
      }
      onClose={onClose}
    >
      {!connector && step === 0 ? (
        <div className={s.choices} role="group" aria-label="Services">
          {kinds.map((k) => (
            <ToggleButton
              key={k.kind}
              className={s.choice}
              checked={k.kind === kind?.kind}
              onClick={() => {
                setKind(k);
                setDraft(draftOf(k));
                setWrong({});
                setResult(undefined);
                setRefusal('');
              }}
            >
              <span className={s.name}>
                {k.name}
                <span className={s.quiet}>{k.description}</span>
              </span>
            </ToggleButton>
          ))}
        </div>
      ) : null}
      {!connector && step === 1 && kind ? <Markdown text={kind.steps} /> : null}
      {filling && kind && draft ? (
        <ConnectorFields kind={kind} draft={draft} connector={connector} wrong={wrong} onChange={setDraft} />
      ) : null}
      {untyped ? (
        <span className={s.quiet}>To test before saving, give the secrets again. Otherwise save, then test it in its details.</span>
      ) : null}
      {result ? <TestResult result={result} /> : null}
      <Refusal text={refusal} />
    </Wizard>
  );
}
