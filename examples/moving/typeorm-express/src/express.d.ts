// In the place of @types/express, which this repository does without: what the application uses of it.
declare module 'express' {
  import type { Server } from 'node:http';

  export interface Request {
    readonly body: unknown;
    readonly params: Readonly<Record<string, string>>;
    readonly query: Readonly<Record<string, unknown>>;
  }
  export interface Response {
    readonly headersSent: boolean;
    status(status: number): this;
    json(body: unknown): this;
  }
  export type NextFunction = (error?: unknown) => void;
  type Handler = (request: Request, response: Response) => unknown;
  type ErrorHandler = (error: Error, request: Request, response: Response, next: NextFunction) => unknown;

  export interface Routes {
    use(handler: object | ErrorHandler): this;
    use(path: string, routes: Routes): this;
    get(path: string, handler: Handler): this;
    post(path: string, handler: Handler): this;
    patch(path: string, handler: Handler): this;
  }
  export interface Application extends Routes {
    listen(port: number, listening: () => void): Server;
  }
  export function Router(): Routes;
  function express(): Application;
  namespace express {
    function json(): object;
  }
  export default express;
}
