import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { FluentProvider, teamsHighContrastTheme, webDarkTheme, webLightTheme, type Theme } from '@fluentui/react-components';

export type ThemeChoice = 'system' | 'light' | 'dark' | 'contrast';
export type ThemeName = 'light' | 'dark' | 'contrast';

const key = 'bartizan.theme';
const themes: Record<ThemeName, Theme> = { light: webLightTheme, dark: webDarkTheme, contrast: teamsHighContrastTheme };

interface ThemeState {
  choice: ThemeChoice;
  name: ThemeName;
  choose: (choice: ThemeChoice) => void;
}

const ThemeContext = createContext<ThemeState>({ choice: 'system', name: 'light', choose: () => undefined });

export function useThemeChoice(): ThemeState {
  return useContext(ThemeContext);
}

function useMedia(media: string): boolean {
  const list = useMemo(() => window.matchMedia(media), [media]);
  const [on, setOn] = useState(list.matches);
  useEffect(() => {
    const change = () => setOn(list.matches);
    list.addEventListener('change', change);
    return () => list.removeEventListener('change', change);
  }, [list]);
  return on;
}

function stored(): ThemeChoice {
  const value = localStorage.getItem(key);
  return value === 'light' || value === 'dark' || value === 'contrast' ? value : 'system';
}

// ThemeProvider follows the system's light, dark or contrast setting until the person chooses one.
export function ThemeProvider({ children }: { children: ReactNode }) {
  const dark = useMedia('(prefers-color-scheme: dark)');
  const contrast = useMedia('(prefers-contrast: more), (forced-colors: active)');
  const [choice, setChoice] = useState<ThemeChoice>(stored);
  const name: ThemeName = choice !== 'system' ? choice : contrast ? 'contrast' : dark ? 'dark' : 'light';
  const state = useMemo(
    () => ({
      choice,
      name,
      choose: (next: ThemeChoice) => {
        localStorage.setItem(key, next);
        setChoice(next);
      },
    }),
    [choice, name],
  );
  useEffect(() => {
    document.documentElement.style.colorScheme = name === 'light' ? 'light' : 'dark';
    document.documentElement.style.backgroundColor = themes[name].colorNeutralBackground1;
  }, [name]);
  return (
    <ThemeContext.Provider value={state}>
      <FluentProvider theme={themes[name]} style={{ height: '100%' }}>
        {children}
      </FluentProvider>
    </ThemeContext.Provider>
  );
}
