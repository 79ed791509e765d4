'use strict';

const { Company, Customer, Invoice, InvoiceLine, Job, Payment, Product, sequelize } = require('../models');

/** Writes an invoice with the next number of its company; no two get the same one. */
async function createInvoice({ customerId, quantities }) {
  return sequelize.transaction(async (transaction) => {
    const customer = await Customer.findByPk(customerId, { transaction, rejectOnEmpty: true });
    const company = await Company.findByPk(customer.companyId, { lock: true, transaction });
    await company.increment('lastInvoiceNumber', { transaction });
    await company.reload({ transaction });
    const products = await Product.findAll({ where: { sku: Object.keys(quantities) }, transaction });
    const lines = products.map(({ id, sku, price }) => ({
      productId: id,
      quantity: quantities[sku],
      price,
    }));
    const total = lines.reduce((sum, { quantity, price }) => sum + quantity * Number(price), 0);
    const invoice = await Invoice.create(
      { companyId: company.id, customerId, number: company.lastInvoiceNumber, total },
      { transaction },
    );
    await InvoiceLine.bulkCreate(
      lines.map((line) => ({ ...line, invoiceId: invoice.id })),
      { transaction },
    );
    await customer.increment('balance', { by: total, transaction });
    await Job.create({ kind: 'mail', payload: { invoiceId: invoice.id } }, { transaction });
    return invoice;
  });
}

/** Notes a payment. The same reference counts once, and nothing is half paid. */
async function pay(invoiceId, { amount, reference }) {
  return sequelize.transaction(async (transaction) => {
    const invoice = await Invoice.findByPk(invoiceId, { lock: true, transaction, rejectOnEmpty: true });
    await Payment.create({ invoiceId, amount, reference }, { transaction });
    const paid = await Payment.sum('amount', { where: { invoiceId }, transaction });
    if (Number(paid) >= Number(invoice.total)) await invoice.update({ status: 'paid' }, { transaction });
    await Customer.decrement('balance', { by: amount, where: { id: invoice.customerId }, transaction });
    return invoice;
  });
}

module.exports = { createInvoice, pay };
