'use strict';

const { Router } = require('express');
const { Company, Contact, Customer } = require('../models');

const router = Router();

router.post('/', async (request, response) => {
  const { company: name, contacts = [], ...customer } = request.body;
  const [company] = await Company.findOrCreate({ where: { name } });
  const created = await Customer.create(
    { ...customer, companyId: company.id, contacts },
    { include: [{ model: Contact, as: 'contacts' }] },
  );
  response.status(201).json({ id: created.id, companyId: company.id });
});

router.get('/:id', async (request, response) => {
  const customer = await Customer.findByPk(request.params.id, {
    attributes: ['name', 'email', 'balance'],
    include: [
      { association: 'contacts', attributes: ['name', 'phone'] },
      { association: 'invoices', attributes: ['number', 'status', 'total'] },
    ],
    order: [['invoices', 'number', 'ASC']],
    rejectOnEmpty: true,
  });
  response.json(customer);
});

module.exports = router;
