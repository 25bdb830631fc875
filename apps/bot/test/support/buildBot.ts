import { execFileSync } from "node:child_process"

/** The tests run what a user runs: the bundle. */
export default (): void => {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: ["ignore", "inherit", "inherit"] })
}
