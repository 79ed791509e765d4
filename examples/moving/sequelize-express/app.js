'use strict';

const express = require('express');
const {
  EmptyResultError,
  ForeignKeyConstraintError,
  UniqueConstraintError,
  ValidationError,
} = require('sequelize');

const app = express();
app.use(express.json());
app.use('/customers', require('./routes/customers'));
app.use('/invoices', require('./routes/invoices'));
app.use('/products', require('./routes/products'));

app.use((error, _request, response, next) => {
  if (response.headersSent) return next(error);
  const status = statusOf(error);
  if (status === 500) console.error(error);
  response.status(status).json({ error: status === 500 ? 'Something went wrong.' : error.message });
});

function statusOf(error) {
  if (error instanceof EmptyResultError) return 404;
  if (error instanceof UniqueConstraintError) return 409;
  if (error instanceof ValidationError || error instanceof ForeignKeyConstraintError) return 400;
  return 500;
}

module.exports = app;
