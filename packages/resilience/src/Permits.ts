/**
 * Permits per key and in all, handed out first come, first served within classes of priority, in plain TypeScript.
 *
 * A permit that waits should cost bytes, not a fiber, and giving one back should cost the same however many wait
 * (`Effect.makeSemaphore` wakes every waiter at each release: 42 ms at 4,000 of them). So the counts and the queues are
 * plain objects under the Effect face of `ConcurrencyLimiter`; nothing here knows time.
 *
 * @since 0.1.0
 */
import { List } from "./internal/list.ts"
import { patience, priorities, type Priority } from "./internal/priority.ts"

export { patience, type Priority } from "./internal/priority.ts"

/**
 * How much is in use of what may be, of one key or in all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Usage {
  readonly active: number
  readonly waiting: number
  readonly limit: number
}

/**
 * What is asked for, waits, is held and is given back, in this order; any part but the first may be left out. Belongs to
 * one `Permits` and is used once.
 *
 * @since 0.1.0
 * @category models
 */
export class Permit {
  readonly key: string
  readonly priority: Priority
  state: "new" | "waiting" | "held" | "gone" = "new"
  /** Called once, when a permit that waited is held. Must not call the `Permits`; neither must `dismissed`. */
  granted: () => void = nothing
  /** Called once instead of `granted`, if the queue is cleared. */
  dismissed: () => void = nothing
  line: Line | undefined = undefined
  owner: Key | undefined = undefined
  next: Permit | undefined = undefined
  previous: Permit | undefined = undefined

  constructor(key: string, priority: Priority) {
    this.key = key
    this.priority = priority
  }
}

const nothing = (): void => {}

/** Those of one key and class that wait. */
class Line {
  readonly key: Key
  readonly priority: Priority
  readonly permits = new List<Permit>()
  /** How many of the key's permits other lines of it have got since this one got one. */
  passed = 0
  /** Linked among the lines that only want room in all. */
  ready = false
  next: Line | undefined = undefined
  previous: Line | undefined = undefined

  constructor(key: Key, priority: Priority) {
    this.key = key
    this.priority = priority
  }
}

class Key {
  readonly name: string
  limit: number
  active = 0
  waiting = 0
  readonly lines: Array<Line> = []

  constructor(name: string, limit: number) {
    this.name = name
    this.limit = limit
  }

  get usage(): Usage {
    return { active: this.active, waiting: this.waiting, limit: this.limit }
  }
}

const isOverdue = (passed: number, than: number): boolean => passed >= patience && passed > than

/**
 * At most `limitOf(key)` permits of each key and at most `total` of all are held at once.
 *
 * Who waits gets a permit as soon as its key and the total have room for it. Within a key and class the first come is the
 * first served, and the more urgent class goes first, but for one that was passed over `patience` times. Of several keys
 * that want the same room, each gets one in turn, whatever the length of its queue. Every operation takes the same
 * time however many wait, and however many keys there are.
 *
 * @since 0.1.0
 * @category models
 */
export class Permits {
  readonly #limitOf: (key: string) => number
  #total: number
  #active = 0
  #waiting = 0
  readonly #keys = new Map<string, Key>()
  // For each class the lines whose key has room: they wait for the total alone, and take turns.
  readonly #ready = priorities.map(() => new List<Line>())
  // For each class how many grants went to others while one of its lines was ready, since it was chosen.
  readonly #passed = priorities.map(() => 0)
  readonly #queued = priorities.map(() => 0)

  /** `limitOf` is asked when a key comes into use, and again when it comes back after nobody held or wanted it. */
  constructor(total: number, limitOf: (key: string) => number) {
    this.#total = total
    this.#limitOf = limitOf
  }

  /** Takes at once if there is room. Overtakes nobody: where there is room, nobody waits who could use it. */
  take(self: Permit): boolean {
    if (this.#active >= this.#total) return false
    const key = this.#keyOf(self.key)
    if (key.active >= key.limit) return false
    this.#hold(self, key)
    return true
  }

  /** Lets one wait that could not take. */
  enqueue(self: Permit, granted: () => void, dismissed: () => void): void {
    const key = this.#keyOf(self.key)
    let line = key.lines.find(({ priority }) => priority === self.priority)
    if (line === undefined) {
      line = new Line(key, self.priority)
      key.lines.push(line)
    }
    self.state = "waiting"
    self.granted = granted
    self.dismissed = dismissed
    self.line = line
    line.permits.push(self)
    key.waiting++
    this.#waiting++
    ;(this.#queued[self.priority] as number)++
    this.#sort(key)
    this.#dispatch()
  }

  /** Ends a permit wherever it is: takes it out of the queue, or gives it back. Does nothing the second time. */
  release(self: Permit): void {
    const { line, owner } = self
    self.state = "gone"
    if (line !== undefined) {
      this.#unlink(self, line)
      this.#sort(line.key)
      this.#forget(line.key)
    }
    if (owner !== undefined) {
      self.owner = undefined
      owner.active--
      this.#active--
      this.#sort(owner)
      this.#dispatch()
      this.#forget(owner)
    }
  }

  /** From now on. Who holds a permit keeps it, so that a key may be above its new limit for a while. */
  setLimit(name: string, limit: number): void {
    const key = this.#keys.get(name)
    if (key === undefined) return
    key.limit = limit
    this.#sort(key)
    this.#dispatch()
  }

  /** The same for all keys together. */
  setTotal(limit: number): void {
    this.#total = limit
    this.#dispatch()
  }

  /** Sends away everybody who waits, for a limiter that goes out of service. */
  clear(): void {
    for (const key of this.#keys.values()) {
      for (const line of key.lines) {
        for (let first = line.permits.head; first !== undefined; first = line.permits.head) {
          first.state = "gone"
          this.#unlink(first, line)
          first.dismissed()
        }
      }
      this.#sort(key)
      this.#forget(key)
    }
  }

  get total(): Usage {
    return { active: this.#active, waiting: this.#waiting, limit: this.#total }
  }

  /** `undefined` if nobody holds or wants a permit of that key. */
  usage(name: string): Usage | undefined {
    return this.#keys.get(name)?.usage
  }

  /** The keys that somebody holds or wants a permit of. */
  *[Symbol.iterator](): Iterator<readonly [key: string, usage: Usage]> {
    for (const key of this.#keys.values()) yield [key.name, key.usage]
  }

  #keyOf(name: string): Key {
    let key = this.#keys.get(name)
    if (key === undefined) {
      key = new Key(name, this.#limitOf(name))
      this.#keys.set(name, key)
    }
    return key
  }

  #forget(key: Key): void {
    if (key.active === 0 && key.waiting === 0) this.#keys.delete(key.name)
  }

  /** Puts each line of a key among those that are ready, or takes it out, after something about the key has changed. */
  #sort(key: Key): void {
    const hasRoom = key.active < key.limit
    for (const line of key.lines) {
      const ready = hasRoom && line.permits.head !== undefined
      if (ready === line.ready) continue
      line.ready = ready
      const list = this.#ready[line.priority] as List<Line>
      if (ready) list.push(line)
      else list.remove(line)
    }
  }

  #dispatch(): void {
    while (this.#active < this.#total) {
      const line = this.#nextLine()
      if (line === undefined) return
      this.#grant(line)
    }
  }

  /**
   * Ageing counts grants, in two places: among the classes for the room in all, and among the lines of one key for the
   * room of that key. Either alone starves somebody: a class that is served, but always at another key, or a key whose
   * only line is of a class that never comes first.
   */
  #nextLine(): Line | undefined {
    let chosen: Line | undefined
    let longest = 0
    for (const priority of priorities) {
      const front = (this.#ready[priority] as List<Line>).head
      const passed = this.#passed[priority] as number
      if (front === undefined || (chosen !== undefined && !isOverdue(passed, longest))) continue
      chosen = front
      if (passed >= patience) longest = passed
    }
    if (chosen === undefined) return
    for (const priority of priorities) {
      if (priority === chosen.priority) this.#passed[priority] = 0
      else if ((this.#ready[priority] as List<Line>).head !== undefined) (this.#passed[priority] as number)++
    }
    longest = 0
    let line = chosen
    for (const sibling of chosen.key.lines) {
      if (!sibling.ready || !isOverdue(sibling.passed, longest)) continue
      line = sibling
      longest = sibling.passed
    }
    // Other keys come first the next time.
    this.#rotate(chosen)
    if (line !== chosen) this.#rotate(line)
    return line
  }

  #rotate(line: Line): void {
    const list = this.#ready[line.priority] as List<Line>
    list.remove(line)
    list.push(line)
  }

  #grant(line: Line): void {
    const { key } = line
    const permit = line.permits.head as Permit
    for (const sibling of key.lines) if (sibling.ready) sibling.passed++
    line.passed = 0
    this.#unlink(permit, line)
    this.#hold(permit, key)
    this.#sort(key)
    permit.granted()
  }

  #hold(self: Permit, key: Key): void {
    self.state = "held"
    self.owner = key
    key.active++
    this.#active++
  }

  #unlink(self: Permit, line: Line): void {
    const { priority } = line
    line.permits.remove(self)
    // The next one of its kind has not been passed over yet.
    if (line.permits.head === undefined) line.passed = 0
    if (--(this.#queued[priority] as number) === 0) this.#passed[priority] = 0
    self.line = undefined
    line.key.waiting--
    this.#waiting--
  }
}
