'use strict';

const app = require('./app');
const { sequelize } = require('./models');
const { work } = require('./services/queue');

const stopped = new AbortController();
const workers = [work(stopped.signal), work(stopped.signal)];
const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`The invoicing listens on port ${server.address().port}.`);
});

process.once('SIGTERM', () => {
  stopped.abort();
  server.close(() => Promise.all(workers).then(() => sequelize.close()));
});
