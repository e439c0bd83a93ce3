// The order of colours that series take, the same in every chart.
import { tokens } from '@fluentui/react-components';

const colors = [
  tokens.colorPaletteBlueBorderActive,
  tokens.colorPaletteDarkOrangeBorderActive,
  tokens.colorPaletteTealBorderActive,
  tokens.colorPaletteBerryBorderActive,
  tokens.colorPaletteGoldBorderActive,
  tokens.colorPaletteForestBorderActive,
  tokens.colorPaletteGrapeBorderActive,
  tokens.colorPaletteRedBorderActive,
  tokens.colorPaletteSteelBorderActive,
  tokens.colorPaletteBrassBorderActive,
  tokens.colorPaletteMagentaBorderActive,
  tokens.colorPaletteSeafoamBorderActive,
];

export const colorOf = (i: number): string => colors[i % colors.length] ?? tokens.colorBrandStroke1;
