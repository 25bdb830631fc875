/**
 * HTTP clients of Python, where they are installed: each asks from a process of its own, as its users ask.
 */
import { Effect, Option, Schema } from "effect"
import { type Contender, MeasureError } from "./Bench.ts"
import * as Program from "./Program.ts"

/**
 * - `load`: makes so many requests of the URL, so many at once, after `warmUp` of them, and gives the seconds that took. Fails
 *   unless every answer came and has that `id`.
 */
export interface Library extends Pick<Contender, "name" | "package"> {
  readonly installed: Effect.Effect<Option.Option<string>>
  readonly load: (load: {
    readonly url: string
    readonly warmUp: number
    readonly count: number
    readonly workers: number
    readonly id: number
  }) => Effect.Effect<number, MeasureError>
}

// The first may be one that the user installed, the second is the one whose packages the system has.
const interpreters = ["python3", "/usr/bin/python3"]

const script = (imports: string, open: string, get: string) => `
import asyncio, sys, time
import ${imports}

url, warm_up, count, workers, id = sys.argv[1], *map(int, sys.argv[2:])

async def get(client):
    ${get}

async def load(client, count):
    asked = 0
    async def worker():
        nonlocal asked
        while asked < count:
            asked += 1
            answer = await get(client)
            if answer["id"] != id:
                sys.exit("an answer was wrong")
    started = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(workers)])
    return time.perf_counter() - started

async def main():
    async with ${open} as client:
        await load(client, warm_up)
        print(await load(client, count))

asyncio.run(main())
`

const library = (name: string, code: string): Library => {
  const found = Program.find(interpreters, "-c", `import ${name}; print(${name}.__version__)`)
  return {
    name,
    package: name,
    installed: Effect.map(
      found,
      Option.map(({ output }) => output)
    ),
    load: ({ count, id, url, warmUp, workers }) =>
      Effect.gen(function* () {
        const { program } = yield* Effect.mapError(
          Effect.flatten(found),
          () => new MeasureError({ message: `${name} is not installed` })
        )
        const output = yield* Program.output(program, "-c", code, url, ...[warmUp, count, workers, id].map(String))
        return yield* Effect.mapError(
          Schema.decode(Schema.NumberFromString)(output),
          () => new MeasureError({ message: `${name} says: ${output}` })
        )
      })
  }
}

export const aiohttp: Library = library(
  "aiohttp",
  script(
    "aiohttp",
    "aiohttp.ClientSession()",
    `async with client.get(url) as response:
        return await response.json()`
  )
)

export const httpx: Library = library(
  "httpx",
  script("httpx", "httpx.AsyncClient()", "return (await client.get(url)).json()")
)
