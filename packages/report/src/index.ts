/** @since 0.1.0 */
export * as Aggregate from "./Aggregate.ts"
/** @since 0.1.0 */
export * as Chart from "./Chart.ts"
/** @since 0.1.0 */
export * as Html from "./Html.ts"
/** @since 0.1.0 */
export * as Report from "./Report.ts"
/** @since 0.1.0 */
export * as Terminal from "./Terminal.ts"
