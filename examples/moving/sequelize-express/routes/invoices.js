'use strict';

const { Router } = require('express');
const { Invoice, Note, sequelize } = require('../models');
const { createInvoice, pay } = require('../services/invoices');

const router = Router();

router.post('/', async (request, response) => {
  const { id, number, total } = await createInvoice(request.body);
  response.status(201).json({ id, number, total });
});

router.post('/:id/payments', async (request, response) => {
  const { number, status } = await pay(request.params.id, request.body);
  response.status(201).json({ number, status });
});

router.post('/:id/notes', async (request, response) => {
  const { id } = await Note.create({ invoiceId: request.params.id, text: request.body.text });
  response.status(201).json({ id });
});

router.patch('/:id', async (request, response) => {
  const { status, dueOn } = request.body;
  const invoice = await Invoice.findByPk(request.params.id, { rejectOnEmpty: true });
  await invoice.update({ status, dueOn });
  response.json({ number: invoice.number, status: invoice.status, dueOn: invoice.dueOn });
});

router.get('/:id', async (request, response) => {
  const invoice = await Invoice.findByPk(request.params.id, {
    attributes: ['number', 'status', 'total', 'dueOn'],
    include: [
      { association: 'customer', attributes: ['name'] },
      {
        association: 'lines',
        attributes: ['quantity', 'price'],
        include: [{ association: 'product', attributes: ['sku'] }],
      },
      { association: 'notes', attributes: ['text'] },
      { association: 'payments', attributes: ['amount', 'reference'] },
    ],
    rejectOnEmpty: true,
  });
  response.json(invoice);
});

/** What each company is owed. */
router.get('/', async (_request, response) => {
  const [rows] = await sequelize.query(
    `SELECT "Companies"."name", COUNT(*)::int AS "invoices", SUM("Invoices"."total") AS "total"
       FROM "Invoices" JOIN "Companies" ON "Companies"."id" = "Invoices"."companyId"
      WHERE "Invoices"."status" <> 'paid'
      GROUP BY "Companies"."name" ORDER BY "Companies"."name"`,
  );
  response.json(rows);
});

module.exports = router;
