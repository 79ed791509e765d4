EXPLAIN SELECT 1;
SELECT ARRAY[1, 2] && ARRAY[2], '10.0.0.1'::inet <<= '10.0.0.0/8', to_tsvector('simple', 'a text') @@ to_tsquery('text');
INSERT INTO store.orders (customer_id, state) SELECT id, 'cart' FROM store.customers LIMIT 3000;
DELETE FROM store.orders WHERE number IN (SELECT number FROM store.orders WHERE state = 'cart' LIMIT 3000);
CALL sys.wait_for_job('x');
