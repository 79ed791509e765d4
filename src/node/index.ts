export { NODE_RANGE, refuseOldNode } from './node-version';
