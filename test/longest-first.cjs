// What takes longest begins first, so that no worker is left alone with it at the end. Jest knows it only where it has run before.
const { default: Sequencer } = require('@jest/test-sequencer');

const LONGEST =
  /test[\\/](?:check[\\/]surroundings|cli[\\/](?:local|migrate)|examples[\\/]moving|histories|migrate[\\/]interrupted-|no-lost-writes[\\/](?:bank|client-faults)|sql[\\/]translate-orms|typeorm[\\/](?:command-line|migrations)|typeorm[\\/]schema)/;

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => LONGEST.test(path);
    const sorted = super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
};
