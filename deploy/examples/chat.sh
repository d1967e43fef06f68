#!/usr/bin/env bash
# A call with curl: on whose behalf it is made, and what it cost.
set -euo pipefail
url=${TOLLGATE_URL:-http://127.0.0.1:8080}

curl --silent --show-error --fail-with-body --dump-header - "$url/v1/chat/completions" \
  -H "authorization: Bearer $TOLLGATE_KEY" \
  -H 'content-type: application/json' \
  -H 'x-tollgate-user: ada' \
  -H 'x-tollgate-session: support-4711' \
  -H 'x-tollgate-tags: feature=search,experiment=b' \
  -d "{ \"model\": \"${TOLLGATE_MODEL:-demo}\", \"messages\": [{ \"role\": \"user\", \"content\": \"Hello\" }] }"
echo
# Of the headers: x-tollgate-call-id finds the row of this call, x-tollgate-trace-id its trace, x-tollgate-cost-usd is its cost.
