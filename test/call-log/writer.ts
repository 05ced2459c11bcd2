// The control process in miniature: runs the log writer until it is killed.
import { startLogWriter } from '@headrace/stores'

const [directory = '', database = ''] = process.argv.slice(2)
startLogWriter({ directory, database })
console.log('running')
