#!/bin/sh
# A custom runtime in a shell: curl asks for events, a script works, curl answers.
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  id=$(curl -sS -D - -o /dev/null "$api/next" | tr -d '\r' | awk -F': ' 'tolower($1) == "lambda-runtime-aws-request-id" { print $2 }')
  said=$(sh -x "$LAMBDA_TASK_ROOT/work.sh" 2>&1 | tail -n 4 | sed 's/[\\"]//g; s/.*/"&"/' | paste -sd,)
  curl -sS -o /dev/null -X POST --data-binary "[$said]" "$api/$id/response"
done
