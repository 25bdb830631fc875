import { type Clock, type Duration, Effect } from "effect"

/** The same clock, but for a wall clock that can be set. */
export const jumping = (clock: Clock.Clock) => {
  let offset = 0
  const wall = () => clock.unsafeCurrentTimeMillis() + offset
  const jumpy: Clock.Clock = Object.assign(Object.create(clock), {
    unsafeCurrentTimeMillis: wall,
    currentTimeMillis: Effect.sync(wall),
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
  })
  const jump = (millis: number) => {
    offset += millis
  }
  return { clock: jumpy, jump }
}

/** The same clock, and how many sleep on it. */
export const counting = (clock: Clock.Clock) => {
  let sleeping = 0
  const counted: Clock.Clock = Object.assign(Object.create(clock), {
    sleep: (duration: Duration.Duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => sleeping++),
        () => clock.sleep(duration),
        () => Effect.sync(() => sleeping--)
      )
  })
  return { clock: counted, sleeping: Effect.sync(() => sleeping) }
}
