# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside a login session, and runs there what the case asks for: seat.py SOCKET.

A command started from a service would be nobody's at the seat. Knows no more than that.
"""
import json
import os
import socket
import subprocess
import sys


def answer(connection):
    request = json.loads(connection.makefile().readline())
    try:
        if request["background"]:
            p = subprocess.Popen(request["command"], start_new_session=True,
                                 stdin=subprocess.DEVNULL, stdout=open(request["log"], "ab"),
                                 stderr=subprocess.STDOUT)
            reply = {"code": 0, "pid": p.pid, "text": ""}
        else:
            p = subprocess.run(request["command"], stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=request["limit"], check=False)
            reply = {"code": p.returncode, "text": p.stdout}
    except (OSError, subprocess.TimeoutExpired) as e:
        reply = {"code": -1, "text": str(e)}
    connection.sendall((json.dumps(reply) + "\n").encode())


def serve(path):
    server = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):
        os.unlink(path)
    server.bind(path)
    server.listen()
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            answer(connection)
            os._exit(0)
        connection.close()
        # Earlier ones; what runs in the background belongs to init by then.
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break


def ask(path, command, limit=60, background=False, log="/dev/null"):
    """Returns the exit status and what was printed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(limit + 60)
        s.connect(path)
        s.sendall((json.dumps({"command": [str(c) for c in command], "limit": limit,
                               "background": background, "log": str(log)}) + "\n").encode())
        reply = json.loads(s.makefile().readline())
    return reply["code"], reply["text"]


if __name__ == "__main__":
    serve(sys.argv[1])
