import { interruption } from './interruption';
import { startAsSet, type LocalSettings } from './local-settings';
import type { DetachedMessage } from './detach';
import { environmentOf } from './shell-lines';

/*
 * The process of `local --detach`: it is told the settings, tells the environment, and stays until it is interrupted.
 */

async function serve(settings: LocalSettings): Promise<void> {
  const interrupted = interruption();
  try {
    const local = await startAsSet(settings);
    tell({ env: await environmentOf(local) });
    process.disconnect();
    await interrupted;
    await local.stop();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    tell({ error: { name, message } });
    process.disconnect();
  }
}

function tell(message: DetachedMessage): void {
  process.send?.(message);
}

process.once('message', (settings) => void serve(settings as LocalSettings));
