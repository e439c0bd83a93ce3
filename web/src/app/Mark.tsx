import { tokens } from '@fluentui/react-components';

// Mark is the sign of the product: a turret on a wall.
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden focusable="false">
      <path d="M5 4h5v4h3V4h6v4h3V4h5v10h-2v4l-5 3v7h-8v-7l-5-3v-4H5z" fill={tokens.colorBrandForeground1} />
      <path d="M14.5 12h3v5h-3z" fill={tokens.colorNeutralBackground1} />
    </svg>
  );
}
