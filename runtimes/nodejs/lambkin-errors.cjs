// Lambda's names for what goes wrong, and the object that the caller gets for a thrown value.
'use strict';

function named(name) {
  const type = class extends Error {};
  type.prototype.name = `Runtime.${name}`;
  return type;
}

class UnhandledPromiseRejection extends named('UnhandledPromiseRejection') {
  constructor(reason, promise) {
    super(reason);
    this.reason = reason;
    this.promise = promise;
  }
}

const NODE_JS_EXIT =
  'The Lambda runtime client detected an unexpected Node.js exit code. ' +
  'This is most commonly caused by a Promise that was never settled. ' +
  'For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes';

class NodeJsExit extends named('NodeJsExit') {
  constructor() {
    super(NODE_JS_EXIT);
  }
}

// A DEL may not stand in a header, and Lambda writes it so in bodies as well.
const escaped = (text) => text.replaceAll('\x7f', '%7F');

// An error of another realm, or one that only looks like an error.
function isError(value) {
  if (value instanceof Error || require('util').types.isNativeError(value)) return true;
  return ['name', 'message', 'stack'].every((key) => typeof value?.[key] === 'string' && value[key] !== '');
}

function describe(value) {
  try {
    if (isError(value)) {
      return {
        errorType: escaped(value.name),
        errorMessage: escaped(value.message),
        trace: escaped(value.stack ?? '').split('\n'),
      };
    }
    return { errorType: typeof value, errorMessage: value.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its ' +
        'message, name, and stack',
    };
  }
}

module.exports = {
  ImportModuleError: named('ImportModuleError'),
  HandlerNotFound: named('HandlerNotFound'),
  MalformedHandlerName: named('MalformedHandlerName'),
  UserCodeSyntaxError: named('UserCodeSyntaxError'),
  MalformedStreamingHandler: named('MalformedStreamingHandler'),
  InvalidStreamingOperation: named('InvalidStreamingOperation'),
  CallbackHandlerDeprecated: named('CallbackHandlerDeprecated'),
  JSONStringifyError: named('JSONStringifyError'),
  NodeJsExit,
  UnhandledPromiseRejection,
  describe,
};
