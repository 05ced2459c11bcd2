import { configJsonSchema } from '@headrace/contract/config'

/** Prints the JSON Schema of `headrace.yaml`. */
export async function schema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
  return 0
}
