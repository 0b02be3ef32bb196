/** What the server answered instead of a result. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }

  get isDenied(): boolean {
    return this.code === 'AccessDeniedException' || this.code === 'AccessDenied';
  }
}

/** Returns a sentence for a person about anything that was thrown. */
export function explained(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof Error) return error.message;
  return String(error);
}
