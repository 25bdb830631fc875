/**
 * The classes of priority, 0 being the most urgent.
 *
 * @since 0.1.0
 * @category models
 */
export type Priority = 0 | 1 | 2 | 3

export const priorities: ReadonlyArray<Priority> = [0, 1, 2, 3]

/**
 * How often in a row more urgent ones may pass over a class before it gets a turn. With every class waiting, each gets
 * its turn at the latest at every 19th (`patience` + 3) grant.
 *
 * @since 0.1.0
 * @category constants
 */
export const patience = 16
