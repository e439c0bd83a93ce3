// What the editor of a mapping is told and can be asked.
import type { Ref } from 'react';
import type { MappingProblem } from '../api/mappings';
import type { ThemeName } from '../app/theme';

export interface MappingEditorHandle {
  goTo: (line: number, column?: number) => void;
}

export interface MappingEditorProps {
  ref?: Ref<MappingEditorHandle>;
  text: string;
  onChange: (text: string) => void;
  readOnly: boolean;
  theme: ThemeName;
  problems: readonly MappingProblem[];
  label: string;
}
