import { loadPeer } from '../missing-peer';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would come before what names it
loadPeer('umzug', 'npm install umzug', () => require('umzug'));
