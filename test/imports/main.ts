import path from 'node:path';
import { violationsIn } from './architecture';
import * as architecture from './rooms';

const violations = violationsIn(path.join(__dirname, '../../src'), architecture);
for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exitCode = 1;
