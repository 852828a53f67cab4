// The context object that a handler gets as its last argument.
'use strict';

function parseHeader(text, name) {
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

function ofInvoke(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parseHeader(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parseHeader(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function setTrace(traceId) {
  if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
  else delete process.env._X_AMZN_TRACE_ID;
}

// `awslambda.InvokeStore` of Node.js 24: what belongs to the invoke that runs now.
const PROTECTED = {
  REQUEST_ID: Symbol.for('_AWS_LAMBDA_REQUEST_ID'),
  X_RAY_TRACE_ID: Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID'),
  TENANT_ID: Symbol.for('_AWS_LAMBDA_TENANT_ID'),
};

class InvokeStore {
  static PROTECTED_KEYS = PROTECTED;
  #values;

  run(values, call) {
    this.#values = values;
    return call();
  }

  begin(context) {
    this.#values = {
      [PROTECTED.REQUEST_ID]: context.awsRequestId,
      [PROTECTED.X_RAY_TRACE_ID]: context.xRayTraceId,
      [PROTECTED.TENANT_ID]: context.tenantId,
    };
  }

  getContext() {
    return this.#values;
  }

  hasContext() {
    return this.#values !== undefined;
  }

  isProtectedKey(key) {
    return Object.values(PROTECTED).includes(key);
  }

  get(key) {
    return this.#values?.[key];
  }

  set(key, value) {
    if (this.isProtectedKey(key)) throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    this.#values = { ...this.#values, [key]: value };
  }

  getRequestId() {
    return this.get(PROTECTED.REQUEST_ID) ?? '-';
  }

  getXRayTraceId() {
    return this.get(PROTECTED.X_RAY_TRACE_ID);
  }

  getTenantId() {
    return this.get(PROTECTED.TENANT_ID);
  }
}

module.exports = { InvokeStore, ofInvoke, setTrace };
