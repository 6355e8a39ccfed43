#!/bin/sh
# The items of an API's pages, and the next page. jq 1.6 or later.
exec jq --unbuffered -c '
    .request as $request | .body | fromjson |
    if .busy then {request: $request, verdict: {retry_after: 30}}
    else {request: $request, records: .items, follow: [.next // empty]} end'
