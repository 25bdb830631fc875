// Type-checks every ```ts fence in the doc comments and READMEs, as a user would write it.
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const out = join("apps", "bot", ".examples") // the one place where every package is installed
rmSync(out, { recursive: true, force: true })
mkdirSync(out)

const files = ["README.md"]
for (const group of ["packages", "apps"]) {
  for (const file of readdirSync(group, { recursive: true })) {
    if (/(^|[\\/])(node_modules|dist|test|\.examples)[\\/]/.test(file) || !/\.(ts|md)$/.test(file)) continue
    files.push(join(group, file))
  }
}

let count = 0
for (const file of files) {
  const text = readFileSync(file, "utf8").replaceAll(/^ \* ?/gm, "")
  for (const [, code] of text.matchAll(/^```ts\n([\s\S]*?)^```/gm)) {
    count++
    writeFileSync(join(out, `${file.replaceAll(/\W/g, "_")}_${count}.ts`), code)
  }
}
writeFileSync(
  join(out, "tsconfig.json"),
  JSON.stringify({
    extends: "../../../tsconfig.base.json",
    include: ["*.ts"],
    compilerOptions: {
      composite: false,
      incremental: false,
      declarationMap: false,
      noEmit: true,
      noUnusedLocals: false
    }
  })
)
execFileSync(join("node_modules", ".bin", "tsc"), ["-p", out], { stdio: "inherit" })
rmSync(out, { recursive: true, force: true })
console.log(`${count} examples type-check`)
