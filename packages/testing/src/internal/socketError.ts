import { Data } from "effect"

/** What Node and undici say when a connection fails, with the code that clients look at. */
class SocketError extends Data.Error<{ readonly code: string; readonly message: string }> {}

const errors = {
  refused: { code: "ECONNREFUSED", message: "connect ECONNREFUSED" },
  reset: { code: "ECONNRESET", message: "read ECONNRESET" },
  hangUp: { code: "UND_ERR_SOCKET", message: "other side closed" }
}

/** @internal */
export const socketError = (kind: keyof typeof errors): Error => new SocketError(errors[kind])
