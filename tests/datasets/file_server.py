"""HTTP server of files on this machine, complete or truncated."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from skcrystal.datasets import _download


class Server:
    """Serves `files`, in the way that `fault` says."""

    def __init__(self):
        self.files, self.fault, self.asked = {}, None, []
        self.breaks = 0  # so many transfers break before one is whole
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                content = server.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if server.fault == "broken" or len(server.asked) <= server.breaks:
                    content = content[: len(content) // 2]
                elif server.fault == "damaged":
                    content = content[:-1] + bytes([content[-1] ^ 1])
                self.wfile.write(content)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@contextmanager
def serving(module, monkeypatch):
    """A server in place of the one that a module of `datasets` downloads from."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    monkeypatch.setattr(module, "_URL", server.url)
    monkeypatch.setattr(_download, "RETRIES", 0)  # which wait for seconds
    yield server
    server.stop()
