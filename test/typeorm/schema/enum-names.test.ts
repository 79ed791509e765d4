import { EntitySchema, EntitySchemaOptions, TableColumn, type EntitySchemaColumnOptions } from 'typeorm';
import { useCluster } from '../../cluster';
import { differences, none, withDataSource, type Watched } from './recorded-statements';

const cluster = useCluster();

/** Gives some work a data source with a crate whose size is an enum. */
function withCrates<Result>(
  size: Pick<EntitySchemaColumnOptions, 'enum' | 'enumName'>,
  work: (watched: Watched) => Promise<Result>,
  options: { readonly dropSchema?: boolean; readonly synchronize?: boolean } = {},
): Promise<Result> {
  const columns = { id: { type: 'int', primary: true }, boxSize: { ...size, type: 'enum' } } as const;
  const entity = Object.assign(new EntitySchemaOptions<unknown>(), { name: 'crate', columns });
  return withDataSource({ ...cluster.orm, ...options, entities: [new EntitySchema(entity)] }, work);
}

/** What the database says of the size. */
async function sizeOf({ dataSource }: Watched): Promise<TableColumn | undefined> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    return (await queryRunner.getTable('crate'))?.findColumnByName('boxSize');
  } finally {
    await queryRunner.release();
  }
}

const few = ['s', 'l'];
const many = ['s', 'm', 'l'];
const long = 's'.repeat(62);

it('names the CHECK of an enum after its type, and renames it with the type', async () => {
  await withCrates({ enum: few }, (watched) => expect(differences(watched)).resolves.toEqual(none), {
    dropSchema: true,
    synchronize: true,
  });
  const renamed = (from: string, to: string) => `ALTER TABLE "crate" RENAME CONSTRAINT "${from}" TO "${to}"`;
  const replaced = (from: string, to: string) => [
    `ALTER TABLE "crate" ADD CONSTRAINT "${to}" CHECK ("boxSize" IN ('s', 'm', 'l')) NOT VALID`,
    `ALTER TABLE ASYNC "crate" VALIDATE CONSTRAINT "${to}"`,
    `ALTER TABLE "crate" DROP CONSTRAINT "${from}"`,
  ];
  const cut = `${'s'.repeat(50)}_boxSize_enum`;
  for (const [column, planned] of [
    [{ enum: few, enumName: 'size' }, [renamed('crate_boxsize_enum_boxSize_enum', 'size_boxSize_enum')]],
    [{ enum: few, enumName: 'stock.size' }, []],
    [{ enum: many, enumName: 'size' }, replaced('size_boxSize_enum', 'size_boxSize_enum1')],
    [{ enum: many, enumName: long }, [renamed('size_boxSize_enum1', cut)]],
    [{ enum: many }, [renamed(cut, 'crate_boxSize_check')]],
  ] as const) {
    await withCrates({ ...column, enum: [...column.enum] }, async (watched) => {
      await expect(differences(watched)).resolves.toEqual({ planned, sent: planned });
      await expect(differences(watched)).resolves.toEqual(none);
      await expect(sizeOf(watched)).resolves.toMatchObject({ type: 'enum', ...column });
    });
  }
});

it('reads the name of an enum type that no entity names, and undoes a change of it', async () => {
  await withCrates(
    { enum: few },
    async (watched) => {
      const queryRunner = watched.dataSource.createQueryRunner();
      const changed = (await sizeOf(watched))?.clone() ?? new TableColumn();
      Object.assign(changed, { enumName: 'size', name: 'boxKind' });
      await queryRunner.changeColumn('crate', 'boxSize', changed);
      const read = async () =>
        (await queryRunner.getTable('crate'))?.columns.find(({ type }) => type === 'enum');
      await expect(read()).resolves.toMatchObject({ name: 'boxKind', enumName: 'size' });
      await queryRunner.executeMemoryDownSql();
      const undone = await read();
      expect(undone).toMatchObject({ name: 'boxSize', enum: few });
      expect(undone?.enumName).toBeUndefined();
      await queryRunner.release();
    },
    { dropSchema: true, synchronize: true },
  );
});
