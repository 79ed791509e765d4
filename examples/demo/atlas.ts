import worldCountries from 'world-countries';

/** The countries of the world, their currencies, languages and neighbours, as the two apps load them. */
export const atlas = {
  regions: unique(
    worldCountries.map(({ region }) => ({ name: region })),
    'name',
  ),
  currencies: unique(
    worldCountries.flatMap(({ currencies }) =>
      Object.entries(currencies).map(([code, { name }]) => ({ code, name })),
    ),
    'code',
  ),
  languages: unique(
    worldCountries.flatMap(({ languages }) =>
      Object.entries(languages).map(([code, name]) => ({ code, name })),
    ),
    'code',
  ),
  countries: worldCountries.map((country) => ({
    code: country.cca3,
    name: country.name.common,
    area: country.area,
    region: country.region,
    currencyCodes: Object.keys(country.currencies),
    languageCodes: Object.keys(country.languages),
    neighbourCodes: country.borders,
  })),
};

/** A function that finds the row with a key, and fails where there is none. */
export function byKey<Row, Key extends keyof Row>(rows: readonly Row[], key: Key): (value: Row[Key]) => Row {
  const found = new Map(rows.map((row) => [row[key], row]));
  return (value) => {
    const row = found.get(value);
    if (row === undefined) throw new Error(`There is no row whose ${String(key)} is ${String(value)}.`);
    return row;
  };
}

function unique<Row>(rows: readonly Row[], key: keyof Row): Row[] {
  return [...new Map(rows.map((row) => [row[key], row])).values()];
}
