// `http-suite.mjs SERVER`: the suite of the HTTP port on `NodeHttp`, as JSON.
import { documents } from './documents.mjs';
import { sdk, testing } from './support.mjs';

const { engine } = await testing();
const outcomes = await (await engine()).run((bindings) => bindings.httpConformance(new sdk.NodeHttp(documents), process.argv[2]));
console.log(JSON.stringify(outcomes));
