/** Where PostgreSQL's answers say that a value is of a type, of an array of it, of a range of it, of an array of those. */
interface TypeOids {
  readonly oid: number;
  readonly arrayOid: number;
  readonly rangeOid?: number;
  readonly arrayRangeOid?: number;
}

/**
 * The object identifiers of PostgreSQL's built-in types, of their arrays and ranges, by the names that Sequelize's data types
 * use (PostgreSQL 16, src/include/catalog/pg_type.dat). Aurora DSQL has no user-defined types that Sequelize reads.
 */
export const builtInTypes: Readonly<Record<string, TypeOids>> = {
  bool: { oid: 16, arrayOid: 1000 },
  bytea: { oid: 17, arrayOid: 1001 },
  char: { oid: 18, arrayOid: 1002 },
  int8: { oid: 20, arrayOid: 1016, rangeOid: 3926, arrayRangeOid: 3927 },
  int2: { oid: 21, arrayOid: 1005 },
  int4: { oid: 23, arrayOid: 1007, rangeOid: 3904, arrayRangeOid: 3905 },
  text: { oid: 25, arrayOid: 1009 },
  json: { oid: 114, arrayOid: 199 },
  float4: { oid: 700, arrayOid: 1021 },
  float8: { oid: 701, arrayOid: 1022 },
  bpchar: { oid: 1042, arrayOid: 1014 },
  varchar: { oid: 1043, arrayOid: 1015 },
  date: { oid: 1082, arrayOid: 1182, rangeOid: 3912, arrayRangeOid: 3913 },
  time: { oid: 1083, arrayOid: 1183 },
  timestamptz: { oid: 1184, arrayOid: 1185, rangeOid: 3910, arrayRangeOid: 3911 },
  numeric: { oid: 1700, arrayOid: 1231, rangeOid: 3906, arrayRangeOid: 3907 },
  inet: { oid: 869, arrayOid: 1041 },
  uuid: { oid: 2950, arrayOid: 2951 },
  jsonb: { oid: 3802, arrayOid: 3807 },
};
