import { GRAMMAR, LINT, RECORDED, REPORTED, statement } from './rule';
import type { StatementRule } from './rule';

const USE_PROTOCOL = 'Use the prepared statements of the protocol, as drivers do.';
const NO_FOREIGN_TABLES = 'Omit it: there are no foreign tables.';
const COPY_ROWS = 'Copy the rows into a table, with a program that reads both databases.';
const NO_EXTENSIONS = 'Omit it: there are no extensions.';
const NO_PLACES = 'Omit it: DSQL chooses where it stores what.';
const USE_STREAM = 'Use a change data capture stream.';
const USE_OTHER_STREAM =
  'Use a change data capture stream of the other side, and a program that writes what it brings.';
const SEARCH_OUTSIDE = 'Search outside the database, or with LIKE.';
const NO_OPERATORS = 'Omit it: there are no operators of users.';
const ONE_COLLATION = 'Omit it: the only collation of a column is C.';
const OPERATORS_OF_TYPE = 'Omit it: indexes take the operators of the type of their columns.';
const FILTER = 'Filter in views, or in the application.';

/** Statements that DSQL does not have at all. */
export const unsupported: readonly StatementRule[] = [
  statement(
    'TruncateStmt',
    'TRUNCATE',
    RECORDED,
    'DELETE in batches of at most 3,000 rows, or drop and create the table.',
  ),
  statement(
    'CreateTableAsStmt',
    'CREATE TABLE … AS, CREATE MATERIALIZED VIEW',
    RECORDED,
    'CREATE TABLE, and INSERT … SELECT in batches of at most 3,000 rows. For a materialized view, a view; or a table that a job fills.',
  ),
  statement('CreateExtensionStmt', 'CREATE EXTENSION', RECORDED, 'Omit it; gen_random_uuid() is built in.'),
  statement(
    'CreatedbStmt',
    'CREATE DATABASE',
    RECORDED,
    'Use the database postgres, with a schema of your own.',
  ),
  statement('CreateTableSpaceStmt', 'CREATE TABLESPACE', RECORDED, NO_PLACES),
  statement('CreateForeignTableStmt', 'CREATE FOREIGN TABLE', RECORDED, COPY_ROWS),
  statement(
    'AlterSystemStmt',
    'ALTER SYSTEM',
    RECORDED,
    'Omit it: DSQL fixes its parameters. Those of a session are set with SET.',
  ),
  statement('ListenStmt', 'LISTEN', RECORDED, 'Poll a table, or use a message service.'),
  statement('NotifyStmt', 'NOTIFY', RECORDED, 'Poll a table, or use a message service.'),
  statement('UnlistenStmt', 'UNLISTEN', RECORDED, 'Omit it: there is no LISTEN either.'),
  statement(
    'LockStmt',
    'LOCK TABLE',
    { ...RECORDED, source: 'pgdump-proxy of awslabs' },
    'Omit it: conflicts are found at COMMIT. Rows that must not change meanwhile are locked with SELECT … FOR UPDATE.',
  ),
  statement(
    'DeclareCursorStmt',
    'DECLARE CURSOR',
    { ...RECORDED, source: 'known issues of the Django adapter of awslabs' },
    'Page by key.',
  ),
  statement('CreatePolicyStmt', 'CREATE POLICY', REPORTED, FILTER),
  statement('PrepareStmt', 'PREPARE', LINT, USE_PROTOCOL),
  statement('ExecuteStmt', 'EXECUTE', LINT, USE_PROTOCOL),
  statement('DiscardStmt', 'DISCARD', LINT, 'RESET ALL and DEALLOCATE ALL.'),
  statement('LoadStmt', 'LOAD', LINT, 'Omit it: DSQL has no libraries of its users.'),
  statement('DoStmt', 'DO', LINT, 'Send its statements one by one, and ask what it asks with a query.'),
  statement(
    'RuleStmt',
    'CREATE RULE',
    LINT,
    'Read from a view, and write to the table itself; what else the rule did, the application does.',
  ),
  statement('FetchStmt', 'FETCH, MOVE', GRAMMAR, 'Page by key.'),
  statement('ClosePortalStmt', 'CLOSE', GRAMMAR, 'Omit it: there is no DECLARE CURSOR either.'),
  statement(
    'AlterDatabaseStmt',
    'ALTER DATABASE',
    GRAMMAR,
    'Omit it: there is one database, postgres, and its settings are fixed.',
  ),
  statement('AlterDatabaseSetStmt', 'ALTER DATABASE … SET', GRAMMAR, 'Set the parameter when connecting.'),
  statement(
    'AlterDatabaseRefreshCollStmt',
    'ALTER DATABASE … REFRESH COLLATION VERSION',
    GRAMMAR,
    ONE_COLLATION,
  ),
  statement('DropdbStmt', 'DROP DATABASE', GRAMMAR, 'Drop its schemas: a cluster has one database.'),
  statement('AlterCollationStmt', 'ALTER COLLATION', GRAMMAR, ONE_COLLATION),
  statement('AlterEventTrigStmt', 'ALTER EVENT TRIGGER', GRAMMAR, 'Omit it: there are no event triggers.'),
  statement('AlterExtensionStmt', 'ALTER EXTENSION … UPDATE', GRAMMAR, NO_EXTENSIONS),
  statement('AlterExtensionContentsStmt', 'ALTER EXTENSION … ADD, DROP', GRAMMAR, NO_EXTENSIONS),
  statement('AlterFdwStmt', 'ALTER FOREIGN DATA WRAPPER', GRAMMAR, NO_FOREIGN_TABLES),
  statement('AlterForeignServerStmt', 'ALTER SERVER', GRAMMAR, NO_FOREIGN_TABLES),
  statement('AlterObjectDependsStmt', 'ALTER … DEPENDS ON EXTENSION', GRAMMAR, NO_EXTENSIONS),
  statement('AlterOpFamilyStmt', 'ALTER OPERATOR FAMILY', GRAMMAR, NO_OPERATORS),
  statement('AlterOperatorStmt', 'ALTER OPERATOR', GRAMMAR, NO_OPERATORS),
  statement('AlterPolicyStmt', 'ALTER POLICY', GRAMMAR, FILTER),
  statement('AlterPublicationStmt', 'ALTER PUBLICATION', GRAMMAR, USE_STREAM),
  statement('AlterSubscriptionStmt', 'ALTER SUBSCRIPTION', GRAMMAR, USE_OTHER_STREAM),
  statement('AlterTableMoveAllStmt', 'ALTER TABLE ALL IN TABLESPACE', GRAMMAR, NO_PLACES),
  statement('AlterTableSpaceOptionsStmt', 'ALTER TABLESPACE', GRAMMAR, NO_PLACES),
  statement('AlterTSConfigurationStmt', 'ALTER TEXT SEARCH CONFIGURATION', GRAMMAR, SEARCH_OUTSIDE),
  statement('AlterTSDictionaryStmt', 'ALTER TEXT SEARCH DICTIONARY', GRAMMAR, SEARCH_OUTSIDE),
  statement('AlterUserMappingStmt', 'ALTER USER MAPPING', GRAMMAR, NO_FOREIGN_TABLES),
  statement('CheckPointStmt', 'CHECKPOINT', GRAMMAR, 'Omit it: DSQL stores what is committed by itself.'),
  statement('ClusterStmt', 'CLUSTER', GRAMMAR, 'Omit it: rows are in the order of the primary key.'),
  statement('CreateAmStmt', 'CREATE ACCESS METHOD', GRAMMAR, 'Omit it: DSQL has one way to store a table.'),
  statement(
    'CreateCastStmt',
    'CREATE CAST',
    GRAMMAR,
    'Write the cast as a function in LANGUAGE sql, and call that.',
  ),
  statement(
    'CreateConversionStmt',
    'CREATE CONVERSION',
    GRAMMAR,
    'Omit it: texts are UTF-8. convert_from() and convert_to() are built in.',
  ),
  statement(
    'CreateEventTrigStmt',
    'CREATE EVENT TRIGGER',
    GRAMMAR,
    'Omit it; look at the schema with a program of its own.',
  ),
  statement('CreateFdwStmt', 'CREATE FOREIGN DATA WRAPPER', GRAMMAR, COPY_ROWS),
  statement('CreateForeignServerStmt', 'CREATE SERVER', GRAMMAR, COPY_ROWS),
  statement('CreateOpClassStmt', 'CREATE OPERATOR CLASS', GRAMMAR, OPERATORS_OF_TYPE),
  statement('CreateOpFamilyStmt', 'CREATE OPERATOR FAMILY', GRAMMAR, OPERATORS_OF_TYPE),
  statement(
    'CreatePLangStmt',
    'CREATE LANGUAGE',
    GRAMMAR,
    'Functions in LANGUAGE sql, or do it in the application.',
  ),
  statement('CreatePublicationStmt', 'CREATE PUBLICATION', GRAMMAR, USE_STREAM),
  statement('CreateSubscriptionStmt', 'CREATE SUBSCRIPTION', GRAMMAR, USE_OTHER_STREAM),
  statement('CreateTransformStmt', 'CREATE TRANSFORM', GRAMMAR, 'Omit it: functions are in LANGUAGE sql.'),
  statement('CreateUserMappingStmt', 'CREATE USER MAPPING', GRAMMAR, COPY_ROWS),
  statement(
    'DropOwnedStmt',
    'DROP OWNED',
    GRAMMAR,
    'DROP what the role owns by its name, and REVOKE its privileges.',
  ),
  statement('DropSubscriptionStmt', 'DROP SUBSCRIPTION', GRAMMAR, 'Omit it: there are no subscriptions.'),
  statement('DropTableSpaceStmt', 'DROP TABLESPACE', GRAMMAR, 'Omit it: there are no tablespaces.'),
  statement('DropUserMappingStmt', 'DROP USER MAPPING', GRAMMAR, NO_FOREIGN_TABLES),
  statement(
    'ImportForeignSchemaStmt',
    'IMPORT FOREIGN SCHEMA',
    GRAMMAR,
    'Copy the rows into tables, with a program that reads both databases.',
  ),
  statement('ReassignOwnedStmt', 'REASSIGN OWNED', GRAMMAR, 'ALTER … OWNER TO for each object.'),
  statement(
    'RefreshMatViewStmt',
    'REFRESH MATERIALIZED VIEW',
    GRAMMAR,
    'Nothing for a view. For a table that took its place, DELETE and INSERT … SELECT, in batches.',
  ),
  statement('ReindexStmt', 'REINDEX', GRAMMAR, 'Create another index and drop the old one.'),
  statement('SecLabelStmt', 'SECURITY LABEL', GRAMMAR, 'Omit it, or COMMENT ON the object.'),
];
