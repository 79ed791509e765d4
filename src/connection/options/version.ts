import { refuseOldNode } from '../../node';

refuseOldNode();

/**
 * The name and version of this package, as package.json has them. They are written here, because in a bundle there is no
 * package.json to be read, or that of somebody else; a test compares the two.
 */
export const PACKAGE = 'aurora-dsql-orm/0.1.0';
