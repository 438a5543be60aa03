#!/usr/bin/env python3
"""Stands in for Envoy where a test is about the playground and not about Envoy: answers 200 to everything.

The configuration says how to behave otherwise: `mode: dies` or `mode: silent`.
"""

import http.server
import re
import signal
import sys

text = sys.argv[sys.argv.index("--config-yaml") + 1]
print("stand-in for Envoy", flush=True)
if "mode: dies" in text:
    print("\n".join(f"word {number}" for number in range(30)), file=sys.stderr)
    sys.exit(3)
if "mode: silent" in text:
    signal.pause()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args):
        print(f"asked {self.path}", file=sys.stderr)


port = int(re.search(r"port_value: (\d+)", text)[1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
