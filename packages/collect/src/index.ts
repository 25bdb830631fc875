/** @since 0.1.0 */
export * as Collector from "./Collector.ts"
/** @since 0.1.0 */
export * as Column from "./Column.ts"
/** @since 0.1.0 */
export * as Field from "./Field.ts"
/** @since 0.1.0 */
export * as Ledger from "./Ledger.ts"
/** @since 0.1.0 */
export * as Parameter from "./Parameter.ts"
/** @since 0.1.0 */
export * as Plan from "./Plan.ts"
/** @since 0.1.0 */
export * as RecordStore from "./RecordStore.ts"
/** @since 0.1.0 */
export * as Slice from "./Slice.ts"
/** @since 0.1.0 */
export * as Source from "./Source.ts"
