export { loadPeer } from './missing-peer';
export { NODE_RANGE, refuseOldNode } from './node-version';
export { Sha256 } from './sha256';
