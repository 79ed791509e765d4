'use strict';

const { Router } = require('express');
const { Product, TaxRate } = require('../models');

const router = Router();

router.put('/:sku', async (request, response) => {
  const { name, price, tax } = request.body;
  const taxRate = await TaxRate.findOne({ where: { name: tax }, rejectOnEmpty: true });
  await Product.upsert(
    { sku: request.params.sku, name, price, taxRateId: taxRate.id },
    { conflictFields: ['sku'] },
  );
  response.json({ sku: request.params.sku });
});

router.get('/', async (_request, response) => {
  const products = await Product.findAll({ include: ['taxRate'], order: ['sku'] });
  response.json(
    products.map(({ sku, name, price, taxRate }) => ({ sku, name, price, tax: taxRate.percent })),
  );
});

module.exports = router;
