import express, { type NextFunction, type Request, type Response } from 'express';
import { EntityNotFoundError, QueryFailedError } from 'typeorm';
import { issues } from './routes/issues';
import { jobs } from './routes/jobs';
import { projects } from './routes/projects';
import { users } from './routes/users';

/** The issue tracker as a REST API. */
export function createApp() {
  const app = express();
  app.use(express.json());
  app.use('/users', users);
  app.use('/projects', projects);
  app.use('/issues', issues);
  app.use('/jobs', jobs);
  app.use((error: Error, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = statusOf(error);
    if (status === 500) console.error(error);
    response.status(status).json({ error: status === 500 ? 'Something went wrong.' : error.message });
  });
  return app;
}

function statusOf(error: Error): number {
  if (error instanceof EntityNotFoundError) return 404;
  if (!(error instanceof QueryFailedError)) return 500;
  switch ((error.driverError as { code?: string }).code) {
    case '23505': // unique_violation
      return 409;
    case '22P02': // invalid_text_representation
    case '23503': // foreign_key_violation
    case '23514': // check_violation
      return 400;
    default:
      return 500;
  }
}
