// Without arguments: the kind of each test that concerns a shared cache. With a base address and names: runs these tests, and
// prints their results as the suite's own client does.
import fetch from 'node-fetch'
import { getResults, runTests } from './node_modules/http-cache-tests/client/runner.mjs'
import tests from './node_modules/http-cache-tests/tests/index.mjs'
import surrogate from './node_modules/http-cache-tests/tests/surrogate-control.mjs'

const [base, ...chosen] = process.argv.slice(2)
const suites = [...tests, surrogate]
if (base === undefined) {
  const all = suites.flatMap(suite => suite.tests).filter(test => test.browser_only !== true)
  console.log(JSON.stringify(Object.fromEntries(all.map(test => [test.id, test.kind || 'required']))))
} else {
  const some = suites.map(suite => ({ ...suite, tests: suite.tests.filter(test => chosen.includes(test.id)) }))
  await runTests(some, fetch, false, base)
  console.log(JSON.stringify(getResults()))
}
