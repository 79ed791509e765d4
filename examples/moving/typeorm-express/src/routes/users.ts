import { Router } from 'express';
import { dataSource } from '../data-source';
import { Membership, Team, User } from '../entities';

export const users = Router();

/** A user comes with a team of their own, which they own. */
users.post('/', async (request, response) => {
  const { email, name } = request.body as Pick<User, 'email' | 'name'>;
  const created = await dataSource.transaction(async (manager) => {
    const user = await manager.save(manager.create(User, { email, name }));
    const team = await manager.save(manager.create(Team, { name: `${name}'s team` }));
    await manager.save(manager.create(Membership, { user, team, isOwner: true }));
    return { id: user.id, teamId: team.id };
  });
  response.status(201).json(created);
});

users.get('/', async (_request, response) => {
  response.json(
    await dataSource.getRepository(User).find({
      relations: { memberships: { team: true } },
      order: { email: 'ASC' },
    }),
  );
});
