// The module as a file beside this one.
'use strict';
const { readFile } = require('node:fs/promises');
const { join } = require('node:path');

exports.readWasm = () => readFile(join(__dirname, 'casehug_clio.wasm'));
