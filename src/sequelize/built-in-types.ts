/**
 * The object identifiers of PostgreSQL's built-in types, and of their arrays, by the names that Sequelize's data types
 * use (PostgreSQL 16, src/include/catalog/pg_type.dat). Aurora DSQL has no user-defined types that Sequelize reads.
 */
export const builtInTypes: Readonly<Record<string, { readonly oid: number; readonly arrayOid: number }>> = {
  bool: { oid: 16, arrayOid: 1000 },
  bytea: { oid: 17, arrayOid: 1001 },
  char: { oid: 18, arrayOid: 1002 },
  int8: { oid: 20, arrayOid: 1016 },
  int2: { oid: 21, arrayOid: 1005 },
  int4: { oid: 23, arrayOid: 1007 },
  text: { oid: 25, arrayOid: 1009 },
  json: { oid: 114, arrayOid: 199 },
  float4: { oid: 700, arrayOid: 1021 },
  float8: { oid: 701, arrayOid: 1022 },
  bpchar: { oid: 1042, arrayOid: 1014 },
  varchar: { oid: 1043, arrayOid: 1015 },
  date: { oid: 1082, arrayOid: 1182 },
  time: { oid: 1083, arrayOid: 1183 },
  timestamptz: { oid: 1184, arrayOid: 1185 },
  numeric: { oid: 1700, arrayOid: 1231 },
  inet: { oid: 869, arrayOid: 1041 },
  uuid: { oid: 2950, arrayOid: 2951 },
  jsonb: { oid: 3802, arrayOid: 3807 },
};
