export { ResultsPane } from '../ResultsPane';
