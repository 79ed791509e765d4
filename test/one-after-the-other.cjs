// Runs the files of a project one after the other, whatever number of workers there is: each of them builds the package.
const { default: Runner } = require('jest-runner');

module.exports = class OneAfterTheOther extends Runner {
  isSerial = true;
};
