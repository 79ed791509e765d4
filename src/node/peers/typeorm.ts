import { loadPeer } from '../missing-peer';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would come before what names it
loadPeer('pg', 'npm install pg', () => require('pg'));
// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import would come before what names it
loadPeer('typeorm', 'npm install typeorm reflect-metadata', () => require('typeorm'));
