import { makeStyles, tokens } from '@fluentui/react-components';

// useLinkStyles styles the router's links like the design system's.
export const useLinkStyles = makeStyles({
  link: {
    color: tokens.colorBrandForegroundLink,
    textDecorationLine: 'none',
    ':hover': { textDecorationLine: 'underline' },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, borderRadius: tokens.borderRadiusSmall },
  },
  // inText links stand in a sentence, where colour alone would not tell them apart.
  inText: { textDecorationLine: 'underline' },
  strong: { fontWeight: tokens.fontWeightSemibold },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
});
