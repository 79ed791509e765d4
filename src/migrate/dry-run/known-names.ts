/** What the language and the ORMs bring, and what compilers write. */
export const KNOWN =
  /^(?:undefined|NaN|Infinity|arguments|Promise|Object|Array|JSON|Math|Number|String|Boolean|Date|BigInt|Symbol|Buffer|exports|module|__esModule|_?typeorm(?:_\d+)?|_?[sS]equelize(?:_\d+)?|DataTypes|QueryTypes|Op|uuid|(?:node_)?crypto)$/;

/** Functions that only compute, and those in which compilers wrap code. */
export const CALLED =
  /^(?:String|Number|Boolean|BigInt|Symbol|Array|parseInt|parseFloat|isNaN|In|Not|IsNull|Like|uuid|v4|uuidv4|randomUUID|literal|fn|col|cast|__awaiter|__await|tslib_\d+)$/;

/** Classes that only hold what they are given. */
export const MADE =
  /^(?:Date|Map|Set|Array|RegExp|Error|TypeError|RangeError|Table(?:Column|Index|ForeignKey|Unique|Check|Exclusion)?|View)$/;

/** Methods that only compute; types of Sequelize are in capitals. */
export const COMPUTES =
  /^(?:[A-Z]+|v4|randomUUID|randomBytes|all|allSettled|resolve|reject|then|catch|finally|keys|values|entries|fromEntries|from|isArray|of|isInteger|isNaN|isFinite|stringify|parse|now|UTC|floor|ceil|round|max|min|abs|pow|sqrt|random|map|flatMap|filter|reduce|reduceRight|find|findIndex|findLast|some|every|includes|indexOf|lastIndexOf|join|slice|concat|flat|at|has|toSorted|toReversed|with|split|trim|trimStart|trimEnd|replace|replaceAll|match|matchAll|startsWith|endsWith|padStart|padEnd|repeat|charAt|charCodeAt|substring|toLowerCase|toUpperCase|toString|toFixed|toISOString|toJSON|getTime|getFullYear|getMonth|getDate|localeCompare|normalize|forEach|literal|fn|col|cast|json|escape|quoteIdentifier|quoteTable|findColumnByName|__awaiter)$/;

/** Those of them that call what they are given. */
export const CALLS_BACK =
  /^(?:then|catch|finally|map|flatMap|filter|reduce|reduceRight|find|findIndex|findLast|some|every|forEach|replace|replaceAll|toSorted|from|sort)$/;

/** Methods that change the value on which they are called, or which they are given. */
export const MUTATES =
  /^(?:push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|set|get|add|delete|clear|test|exec|next|assign|freeze|setHours|setDate|setMonth|setFullYear)$/;

/** Methods of the query runner and of the query interface, which only send statements. */
export const SENDS =
  /^(?:query|transaction|commit|rollback|(?:create|drop)(?:Table|Index|Indices|ForeignKeys?|PrimaryKey|UniqueConstraints?|CheckConstraints?|Schema|View|Enum|Function|Trigger)|(?:add|drop|change|rename)Columns?|updatePrimaryKeys|has(?:Table|Column|Schema)|tableExists|getTables?|getViews?|getCurrent(?:Schema|Database)|renameTable|removeColumn|(?:add|remove)(?:Index|Constraint)|describeTable|show(?:AllTables|AllSchemas|Index|Constraint)|bulk(?:Insert|Update|Delete)|select|rawSelect|getForeignKeyReferencesForTable)$/;

/** Modules that do nothing but compute. */
export const HARMLESS_MODULE = /^(?:typeorm|sequelize|umzug|uuid|(?:node:)?crypto)$/;

/** By these the code reaches another connection, or what has hooks and subscribers. */
export const ELSEWHERE =
  /^(?:connection|dataSource|driver|databaseConnection|connectionManager|models|hooks|subscribers|broadcaster|logger|constructor|prototype|__proto__|console|globalThis|eval|require)$/;
