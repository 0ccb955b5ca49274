#!/usr/bin/env python3
"""A minimal web application of Rally.

It queries the real database before it starts, and does not start if its version needs a newer
schema. It prints a log like that of the real application to stdout.
"""

import argparse
import datetime
import http.server
import subprocess
import sys
import time


def say(level, where, text):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    print(f"{now} {level} {where}: {text}", flush=True)


def column_is_missing(database, table, column):
    query = (
        "select count(*) from information_schema.columns "
        f"where table_name = '{table}' and column_name = '{column}'"
    )
    answer = subprocess.run(
        ["psql", "-X", "-At", "-d", database, "-c", query], capture_output=True, text=True, timeout=20, check=False
    )
    if answer.returncode != 0:
        say("ERROR", "Database", answer.stderr.strip())
        sys.exit(1)
    return answer.stdout.strip() == "0"


def handler(version):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text, code = ("Rally\n", 200) if self.path == "/" else ("not found\n", 404)
            if self.path == "/version":
                text, code = version, 200
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, form, *values):
            say("INFO", "Request", form % values)

    return Handler


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", required=True, help="postgresql://… of the application's database")
    options.add_argument("--version", required=True, help="what /version answers")
    options.add_argument("--port", type=int, required=True, help="loopback port")
    options.add_argument("--needs-column", default="", help="table.column that this version cannot run without")
    options.add_argument("--boot-seconds", type=float, default=0.0, help="how long starting takes")
    given = options.parse_args()
    say("INFO", "Rally", f"starting version {given.version}")
    time.sleep(given.boot_seconds)
    if given.needs_column:
        table, column = given.needs_column.split(".")
        if column_is_missing(given.database, table, column):
            say("ERROR", "SchemaCheck", f"table {table} is missing column {column}")
            say("ERROR", "Rally", "cannot start on this schema, exiting")
            sys.exit(1)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", given.port), handler(given.version))
    say("INFO", "Rally", f"started version {given.version} on port {given.port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
